package job;

/** What is counted of an ad in an hour, by the names of ladderd's rows. Money is in micros. */
public enum Counter {
    clicks, click_cost, opens, messages_in, messages_out, auto_out, conversations, replies, qualified, handoffs,
    appointments, customers, orders, refunds, revenue, people, kind_auto, kind_prefilled, kind_short,
    kind_started, kind_engaged;

    public static final int COUNT = values().length;
}
