import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import job.Progress;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeHint;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The job in Flink, in two phases, on the heap's state with a checkpoint every five seconds. */
public final class Main {
    private static final TypeInformation<Tuple2<String, byte[]>> RECORD = TypeInformation.of(new TypeHint<>() {});
    private static final TypeInformation<Tuple2<String, long[]>> SUM = TypeInformation.of(new TypeHint<>() {});

    /** The key and the value as they are; who folds the event parses it. */
    private static final class Records implements KafkaRecordDeserializationSchema<Tuple2<String, byte[]>> {
        private static final long serialVersionUID = 1;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Tuple2<String, byte[]>> out) {
            out.collect(Tuple2.of(new String(record.key(), StandardCharsets.UTF_8), record.value()));
        }

        @Override
        public TypeInformation<Tuple2<String, byte[]>> getProducedType() {
            return RECORD;
        }
    }

    private static KafkaSource<Tuple2<String, byte[]>> source(String brokers, String group, List<String> inputs) {
        return KafkaSource.<Tuple2<String, byte[]>>builder().setBootstrapServers(brokers).setGroupId(group)
                .setTopics(inputs).setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Records()).setProperty("max.poll.records", "5000")
                .setProperty("max.partition.fetch.bytes", String.valueOf(4 << 20)).build();
    }

    private static final class Rows implements KafkaRecordSerializationSchema<Tuple2<String, byte[]>> {
        private static final long serialVersionUID = 1;
        private final String topic;

        Rows(String topic) {
            this.topic = topic;
        }

        @Override
        public ProducerRecord<byte[], byte[]> serialize(Tuple2<String, byte[]> row, KafkaSinkContext context,
                Long timestamp) {
            return new ProducerRecord<>(topic, row.f0.getBytes(StandardCharsets.UTF_8), row.f1);
        }
    }

    private static KafkaSink<Tuple2<String, byte[]>> sink(String brokers, String output) {
        return KafkaSink.<Tuple2<String, byte[]>>builder().setBootstrapServers(brokers)
                .setRecordSerializer(new Rows(output)).setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setProperty("compression.type", "lz4").setProperty("linger.ms", "100").build();
    }

    private static Configuration settings(String folder) {
        Configuration settings = new Configuration();
        settings.set(RestOptions.BIND_PORT, "0");
        settings.set(TaskManagerOptions.NUM_TASK_SLOTS, 2);
        settings.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(128));
        settings.set(PipelineOptions.OBJECT_REUSE, true);
        settings.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        settings.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, "file://" + folder);
        return settings;
    }

    /** BROKERS GROUP OUTPUT FOLDER RECORDS INPUT...: goes on until it is killed. */
    public static void main(String[] words) throws Exception {
        List<String> inputs = new ArrayList<>(Arrays.asList(words).subList(5, words.length));
        StreamExecutionEnvironment flink =
                StreamExecutionEnvironment.createLocalEnvironment(2, settings(words[3]));
        flink.enableCheckpointing(5000);
        DataStream<Tuple2<String, byte[]>> records = flink.fromSource(
                source(words[0], words[1], inputs), WatermarkStrategy.noWatermarks(), "records");
        records.keyBy(record -> record.f0).transform("people", SUM, new People())
                .keyBy(sum -> sum.f0).process(new Ads()).returns(RECORD)
                .sinkTo(sink(words[0], words[2]));
        flink.executeAsync("ladder");
        Progress.awaitEnd(Long.parseLong(words[4]));
        Thread.currentThread().join();
    }
}
