package job;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** How far the job is: it says on stdout when so many records were processed, and how long that took. */
public final class Progress {
    private static final LongAdder RECORDS = new LongAdder();
    private static final AtomicLong FIRST_NS = new AtomicLong();

    private Progress() {}

    public static void processed() {
        if (FIRST_NS.get() == 0)
            FIRST_NS.compareAndSet(0, System.nanoTime());
        RECORDS.increment();
    }

    public static void awaitEnd(long expected) throws InterruptedException {
        while (RECORDS.sum() < expected)
            Thread.sleep(20);
        long ms = (System.nanoTime() - FIRST_NS.get()) / 1_000_000;
        System.out.printf("the peer has read to the end records=%d ms=%d%n", RECORDS.sum(), ms);
    }
}
