import job.Buckets;
import job.Counter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.LongPrimitiveArraySerializer;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Adds up an ad's hour; its row goes out a second after it first changed. */
public final class Ads extends KeyedProcessFunction<String, Tuple2<String, long[]>, Tuple2<String, byte[]>> {
    private static final long serialVersionUID = 1;
    private static final long EMIT_MS = 1000;
    private static final int REVISION = Counter.COUNT, IS_DUE = Counter.COUNT + 1, LENGTH = Counter.COUNT + 2;
    private transient ValueState<long[]> ads;

    @Override
    public void open(OpenContext context) {
        ads = getRuntimeContext()
                .getState(new ValueStateDescriptor<>("ads", LongPrimitiveArraySerializer.INSTANCE));
    }

    @Override
    public void processElement(Tuple2<String, long[]> counts, Context context,
            Collector<Tuple2<String, byte[]>> out) throws Exception {
        long[] ad = ads.value();
        if (ad == null)
            ad = new long[LENGTH];
        for (int i = 0; i < Counter.COUNT; i++)
            ad[i] += counts.f1[i];
        if (ad[IS_DUE] == 0)
            context.timerService()
                    .registerProcessingTimeTimer(context.timerService().currentProcessingTime() + EMIT_MS);
        ad[IS_DUE] = 1;
        ads.update(ad);
    }

    @Override
    public void onTimer(long nowMs, OnTimerContext context, Collector<Tuple2<String, byte[]>> out)
            throws Exception {
        long[] ad = ads.value();
        ad[IS_DUE] = 0;
        ad[REVISION]++;
        ads.update(ad);
        String key = context.getCurrentKey();
        out.collect(Tuple2.of(key, Buckets.row(key, ad, ad[REVISION])));
    }
}
