import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import job.Buckets;
import job.Counter;
import job.Event;
import job.Person;
import job.Progress;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** The job in Kafka Streams, in two phases. Each partition folds its people and sums what they bring to an ad in an
 * hour; once a second what has changed goes, as the partition's sum so far, to the ad's own partition, which keeps
 * the newest sum of each and adds them up. A sum that is sent again changes nothing, as at-least-once asks. */
public final class Main {
    private static final Duration EMIT = Duration.ofSeconds(1);
    private static final int PARTITIONS = 4;

    private static StoreBuilder<KeyValueStore<String, byte[]>> store(String name) {
        return Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), Serdes.String(), Serdes.ByteArray())
                .withCachingEnabled().withLoggingEnabled(Map.of());
    }

    private static final class People implements Processor<String, byte[], String, byte[]> {
        private final Buckets buckets = new Buckets();
        private final Set<String> unsent = new HashSet<>();
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> people;
        private KeyValueStore<String, byte[]> sums;

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            people = context.getStateStore("people");
            sums = context.getStateStore("sums");
            try (KeyValueIterator<String, byte[]> all = sums.all()) {
                all.forEachRemaining(entry -> unsent.add(entry.key));
            }
            context.schedule(EMIT, PunctuationType.WALL_CLOCK_TIME, this::send);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            Event event = Event.parse(record.value());
            if (event.rank != Event.OTHER)
                fold(record.key(), event);
            Progress.processed();
        }

        private void fold(String key, Event event) {
            byte[] stored = people.get(key);
            Person person = stored == null ? new Person() : Person.ofBytes(stored);
            if (!person.add(event, buckets))
                return;
            people.put(key, person.toBytes());
            buckets.changed.forEach(this::sum);
            buckets.changed.clear();
        }

        private void sum(String key, long[] counts) {
            byte[] stored = sums.get(key);
            if (stored != null)
                Buckets.addTo(counts, Buckets.ofBytes(stored));
            sums.put(key, Buckets.toBytes(counts));
            unsent.add(key);
        }

        private void send(long nowMs) {
            int partition = context.taskId().partition();
            for (String key : unsent) {
                byte[] sum = sums.get(key);
                byte[] value = ByteBuffer.allocate(4 + sum.length).putInt(partition).put(sum).array();
                context.forward(new Record<>(key, value, nowMs));
            }
            unsent.clear();
        }
    }

    private static final class Ads implements Processor<String, byte[], String, byte[]> {
        private static final int SUM_BYTES = 8 * Counter.COUNT;
        private final Set<String> unsent = new HashSet<>();
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> ads; /* the revision, then a sum of each partition */

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            ads = context.getStateStore("ads");
            context.schedule(EMIT, PunctuationType.WALL_CLOCK_TIME, this::send);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            byte[] stored = ads.get(record.key());
            byte[] kept = stored != null ? stored.clone() : new byte[8 + PARTITIONS * SUM_BYTES];
            int partition = ByteBuffer.wrap(record.value()).getInt();
            System.arraycopy(record.value(), 4, kept, 8 + partition * SUM_BYTES, SUM_BYTES);
            ByteBuffer.wrap(kept).putLong(0, ByteBuffer.wrap(kept).getLong(0) + 1);
            ads.put(record.key(), kept);
            unsent.add(record.key());
        }

        private void send(long nowMs) {
            for (String key : unsent) {
                byte[] kept = ads.get(key);
                long[] numbers = Buckets.ofBytes(kept), sum = new long[Counter.COUNT];
                for (int i = 0; i < PARTITIONS; i++) {
                    int at = 1 + i * Counter.COUNT;
                    Buckets.addTo(sum, Arrays.copyOfRange(numbers, at, at + Counter.COUNT));
                }
                context.forward(new Record<>(key, Buckets.row(key, sum, numbers[0]), nowMs));
            }
            unsent.clear();
        }
    }

    private static StreamsBuilder job(List<String> inputs, String output) {
        StreamsBuilder builder = new StreamsBuilder();
        for (String name : List.of("people", "sums", "ads"))
            builder.addStateStore(store(name));
        builder.stream(inputs, Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .process(People::new, "people", "sums")
                .repartition(Repartitioned.with(Serdes.String(), Serdes.ByteArray()).withName("ads")
                        .withNumberOfPartitions(PARTITIONS))
                .process(Ads::new, "ads")
                .to(output, Produced.with(Serdes.String(), Serdes.ByteArray()));
        return builder;
    }

    private static Properties settings(String brokers, String application, String folder) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5000);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 512 << 20);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5000);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5000);
        settings.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        settings.put(ProducerConfig.LINGER_MS_CONFIG, 100);
        settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
        settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 64 << 20);
        return settings;
    }

    /** BROKERS APPLICATION OUTPUT FOLDER RECORDS INPUT...: goes on until it is killed. */
    public static void main(String[] words) throws Exception {
        List<String> inputs = Arrays.asList(words).subList(5, words.length);
        Properties settings = settings(words[0], words[1], words[3]);
        try (KafkaStreams streams = new KafkaStreams(job(inputs, words[2]).build(), settings)) {
            streams.start();
            Progress.awaitEnd(Long.parseLong(words[4]));
            Thread.currentThread().join();
        }
    }
}
