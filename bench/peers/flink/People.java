import job.Buckets;
import job.Event;
import job.Person;
import job.Progress;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/** Folds the people of a subtask, and sends what they bring to an ad in an hour as one sum of many events: before
 * each barrier, so that a checkpoint holds all of it or nothing, and at least once a second. */
public final class People extends AbstractStreamOperator<Tuple2<String, long[]>>
        implements OneInputStreamOperator<Tuple2<String, byte[]>, Tuple2<String, long[]>> {
    private static final long serialVersionUID = 1;
    private static final long SEND_MS = 1000;
    private transient ValueState<Person> people;
    private transient Buckets buckets;

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        buckets = new Buckets();
        people = context.getKeyedStateStore()
                .getState(new ValueStateDescriptor<>("people", PersonSerializer.INSTANCE));
    }

    @Override
    public void open() throws Exception {
        super.open();
        sendLater();
    }

    private void sendLater() {
        long atMs = getProcessingTimeService().getCurrentProcessingTime() + SEND_MS;
        getProcessingTimeService().registerTimer(atMs, nowMs -> {
            send();
            sendLater();
        });
    }

    @Override
    public void processElement(StreamRecord<Tuple2<String, byte[]>> record) throws Exception {
        Event event = Event.parse(record.getValue().f1);
        if (event.rank != Event.OTHER) {
            Person person = people.value();
            if (person == null)
                person = new Person();
            person.add(event, buckets);
            people.update(person);
        }
        Progress.processed();
    }

    private void send() {
        buckets.changed.forEach((key, counts) -> output.collect(new StreamRecord<>(Tuple2.of(key, counts))));
        buckets.changed.clear();
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) {
        send();
    }

    @Override
    public void finish() {
        send();
    }
}
