package job;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** Counts of ads in hours, keyed "AD/HOUR". */
public final class Buckets implements Counts {
    public final Map<String, long[]> changed = new HashMap<>();

    @Override
    public void add(String ad, long timeMs, Counter counter, long amount) {
        String key = ad + '/' + Ladder.hourOf(timeMs);
        changed.computeIfAbsent(key, unused -> new long[Counter.COUNT])[counter.ordinal()] += amount;
    }

    public static void addTo(long[] sum, long[] counts) {
        for (int i = 0; i < counts.length; i++)
            sum[i] += counts[i];
    }

    public static byte[] toBytes(long[] counts) {
        ByteBuffer bytes = ByteBuffer.allocate(8 * counts.length);
        bytes.asLongBuffer().put(counts);
        return bytes.array();
    }

    public static long[] ofBytes(byte[] bytes) {
        long[] counts = new long[bytes.length / 8];
        ByteBuffer.wrap(bytes).asLongBuffer().get(counts);
        return counts;
    }

    /** The row of a key, as the comparison reads it. */
    public static byte[] row(String key, long[] counts, long revision) {
        StringBuilder row = new StringBuilder(512).append("{\"key\":\"").append(key).append("\",\"revision\":")
                .append(revision);
        for (Counter counter : Counter.values())
            row.append(",\"").append(counter.name()).append("\":").append(counts[counter.ordinal()]);
        return row.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }
}
