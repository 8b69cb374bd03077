package job;

/** Takes what a fold counts. */
public interface Counts {
    void add(String ad, long timeMs, Counter counter, long amount);
}
