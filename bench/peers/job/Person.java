package job;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInput;
import java.io.DataInputStream;
import java.io.DataOutput;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The events of one record key: a user, and clicks of his that he has claimed or not. An event that comes last and
 * claims nothing that was there is folded alone; otherwise what was counted is taken back and counted anew. */
public final class Person {
    private static final Counts NOTHING = (ad, timeMs, counter, amount) -> {};

    private final List<Event> events = new ArrayList<>(8);
    private Fold fold; /* of the events; null after reading */

    private static final class Fold {
        final Map<String, Event> owners = new HashMap<>(4); /* the claiming event of a click */
        final Map<String, Ladder> ladders = new HashMap<>(4);

        Fold(List<Event> events, Counts counts) {
            for (Event event : events)
                claim(event);
            for (Event event : events)
                fold(event, counts);
        }

        void claim(Event event) {
            if (event.user == null || event.clickId == null)
                return;
            Event owner = owners.get(event.clickId);
            boolean isFirst = owner == null || event.timeMs < owner.timeMs
                    || (event.timeMs == owner.timeMs && event.id.compareTo(owner.id) < 0);
            if (isFirst)
                owners.put(event.clickId, event);
        }

        void fold(Event event, Counts counts) {
            Event owner = event.user != null ? event : owners.get(event.clickId);
            String identity = owner != null ? "user " + owner.user : "click " + event.clickId;
            ladders.computeIfAbsent(identity, unused -> new Ladder()).fold(event, counts);
        }
    }

    /** False: it was there already. */
    public boolean add(Event event, Counts counts) {
        for (Event other : events)
            if (other.id.equals(event.id))
                return false;
        if (fold == null)
            fold = new Fold(events, NOTHING);
        boolean isLast = events.isEmpty() || events.get(events.size() - 1).compareTo(event) < 0;
        if (isLast && !claimsOlder(event)) {
            events.add(event);
            fold.claim(event);
            fold.fold(event, counts);
            return true;
        }
        new Fold(events, (ad, timeMs, counter, amount) -> counts.add(ad, timeMs, counter, -amount));
        events.add(-Collections.binarySearch(events, event) - 1, event);
        fold = new Fold(events, counts);
        return true;
    }

    private boolean claimsOlder(Event event) {
        if (event.user == null || event.clickId == null || fold.owners.containsKey(event.clickId))
            return false;
        for (Event other : events)
            if (other.user == null && event.clickId.equals(other.clickId))
                return true;
        return false;
    }

    public void write(DataOutput out) throws IOException {
        out.writeShort(events.size());
        for (Event event : events)
            event.write(out);
    }

    public static Person read(DataInput in) throws IOException {
        Person person = new Person();
        for (int left = in.readUnsignedShort(); left > 0; left--)
            person.events.add(Event.read(in));
        return person;
    }

    public Person copy() {
        Person copy = new Person();
        copy.events.addAll(events);
        return copy;
    }

    public byte[] toBytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(128 * (events.size() + 1));
        try {
            write(new DataOutputStream(bytes));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    public static Person ofBytes(byte[] bytes) {
        try {
            return read(new DataInputStream(new ByteArrayInputStream(bytes)));
        } catch (IOException wrong) {
            throw new UncheckedIOException(wrong);
        }
    }
}
