import java.io.IOException;
import job.Person;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** People of the heap's state, written as they are. */
public final class PersonSerializer extends TypeSerializerSingleton<Person> {
    private static final long serialVersionUID = 1;
    static final PersonSerializer INSTANCE = new PersonSerializer();

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public Person createInstance() {
        return new Person();
    }

    @Override
    public Person copy(Person from) {
        return from.copy();
    }

    @Override
    public Person copy(Person from, Person reuse) {
        return from.copy();
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public void serialize(Person person, DataOutputView target) throws IOException {
        person.write(target);
    }

    @Override
    public Person deserialize(DataInputView source) throws IOException {
        return Person.read(source);
    }

    @Override
    public Person deserialize(Person reuse, DataInputView source) throws IOException {
        return Person.read(source);
    }

    @Override
    public void copy(DataInputView source, DataOutputView target) throws IOException {
        Person.read(source).write(target);
    }

    @Override
    public TypeSerializerSnapshot<Person> snapshotConfiguration() {
        return new Snapshot();
    }

    /** What a checkpoint remembers of the format. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Person> {
        public Snapshot() {
            super(() -> INSTANCE);
        }
    }
}
