package job;

import java.util.ArrayList;
import java.util.List;

/** Folds one identity's events, in time order, as ladderd's does: only what Counter has. */
final class Ladder {
    private static final long HOUR_MS = 3_600_000L, DAY_MS = 24 * HOUR_MS;
    private static final long GAP_MS = 7 * DAY_MS, ATTRIBUTION_MS = 7 * DAY_MS, OUTCOME_MS = 28 * DAY_MS;
    private static final Counter[] KINDS = {Counter.kind_auto, Counter.kind_prefilled, Counter.kind_short,
        Counter.kind_started, Counter.kind_engaged};

    private static final Counter[] RUNGS = {Counter.qualified, Counter.handoffs, Counter.appointments,
        Counter.customers};

    private record Touch(long timeMs, String ad, String clickId) {}

    private static final class Conversation {
        final String ad;
        final long openedMs;
        long lastInMs;
        int kind = -1;
        int reached; /* bits, by RUNGS */
        boolean hasOut, isReplied;

        Conversation(String ad, long openedMs) {
            this.ad = ad;
            this.openedMs = this.lastInMs = openedMs;
        }
    }

    private final List<Touch> touches = new ArrayList<>(2);
    private final List<Conversation> conversations = new ArrayList<>(2);
    private Conversation ongoing;

    void fold(Event event, Counts counts) {
        switch (event.rank) {
            case Event.CLICK -> foldClick(event, counts);
            case Event.OPEN -> foldOpen(event, counts);
            case Event.IN -> foldIn(event, counts);
            case Event.OUT -> foldOut(event, counts);
            default -> foldOutcome(event, counts);
        }
    }

    private void foldClick(Event event, Counts counts) {
        counts.add(event.ad, event.timeMs, Counter.clicks, 1);
        if (event.micros != 0)
            counts.add(event.ad, event.timeMs, Counter.click_cost, event.micros);
        touches.add(new Touch(event.timeMs, event.ad, event.clickId));
    }

    private void foldOpen(Event event, Counts counts) {
        String ad = event.ad;
        if (ad == null)
            ad = recent(touchOf(event.clickId), event.timeMs);
        if (ad == null)
            ad = recent(lastTouch(), event.timeMs);
        counts.add(ad == null ? organic(event) : ad, event.timeMs, Counter.opens, 1);
        if (event.ad != null)
            touches.add(new Touch(event.timeMs, event.ad, event.clickId));
    }

    private String match(Event event) {
        if (event.ad != null)
            return event.ad;
        String clicked = recent(touchOf(event.clickId), event.timeMs);
        if (clicked != null)
            return clicked;
        String touched = recent(lastTouch(), event.timeMs);
        Conversation open = ongoingAt(event.timeMs);
        if (touched != null && (open == null || lastTouch().timeMs > open.lastInMs))
            return touched;
        return open != null ? open.ad : organic(event);
    }

    private void foldIn(Event event, Counts counts) {
        String ad = match(event);
        if (event.ad != null)
            touches.add(new Touch(event.timeMs, event.ad, event.clickId));
        counts.add(ad, event.timeMs, Counter.messages_in, 1);
        Conversation conversation = latestAt(ad);
        if (conversation == null || hourOf(conversation.lastInMs) != hourOf(event.timeMs))
            counts.add(ad, event.timeMs, Counter.people, 1);
        if (conversation == null || event.timeMs - conversation.lastInMs >= GAP_MS) {
            conversation = new Conversation(ad, event.timeMs);
            conversations.add(conversation);
            counts.add(ad, event.timeMs, Counter.conversations, 1);
        }
        if (event.kind == Event.STARTED && conversation.hasOut && !conversation.isReplied) {
            conversation.isReplied = true;
            counts.add(ad, event.timeMs, Counter.replies, 1);
        }
        raiseKind(conversation, conversation.isReplied ? Event.ENGAGED : event.kind, counts);
        conversation.lastInMs = event.timeMs;
        ongoing = conversation;
    }

    private static void raiseKind(Conversation conversation, int kind, Counts counts) {
        if (kind <= conversation.kind)
            return;
        if (conversation.kind >= 0)
            counts.add(conversation.ad, conversation.openedMs, KINDS[conversation.kind], -1);
        counts.add(conversation.ad, conversation.openedMs, KINDS[kind], 1);
        conversation.kind = kind;
    }

    private void foldOut(Event event, Counts counts) {
        Conversation conversation = ongoingAt(event.timeMs);
        String ad = conversation == null ? organic(event) : conversation.ad;
        counts.add(ad, event.timeMs, Counter.messages_out, 1);
        if (conversation == null)
            return;
        conversation.hasOut = true;
        if (event.isAuto)
            counts.add(ad, event.timeMs, Counter.auto_out, 1);
    }

    private Conversation ofOutcome(Event event) {
        Touch touch = touchOf(event.clickId);
        Conversation[] candidates = {event.ad == null ? null : latestAt(event.ad),
            touch == null ? null : latestAt(touch.ad),
            conversations.isEmpty() ? null : conversations.get(conversations.size() - 1)};
        for (Conversation conversation : candidates)
            if (conversation != null && event.timeMs - conversation.lastInMs <= OUTCOME_MS)
                return conversation;
        return null;
    }

    private void foldOutcome(Event event, Counts counts) {
        Conversation conversation = ofOutcome(event);
        String ad = conversation == null ? organic(event) : conversation.ad;
        boolean isSale = event.stage.equals("customer") || event.stage.equals("sale");
        if (isSale || event.stage.equals("refund")) {
            counts.add(ad, event.timeMs, isSale ? Counter.orders : Counter.refunds, 1);
            counts.add(ad, event.timeMs, Counter.revenue, isSale ? event.micros : -event.micros);
        }
        if (conversation != null)
            reach(conversation, event, counts);
    }

    private static int rungOf(String stage) {
        return switch (stage) {
            case "qualified" -> 0;
            case "handoff" -> 1;
            case "appointment", "quote", "checkout", "demo" -> 2;
            case "customer", "sale" -> 3;
            default -> -1;
        };
    }

    /** A later rung reaches qualified and handoff too. */
    private static void reach(Conversation conversation, Event event, Counts counts) {
        int rung = rungOf(event.stage);
        if (rung < 0 || (conversation.reached >> rung & 1) != 0)
            return;
        int reached = 1 << rung | (rung > 0 ? 1 : 0) | (rung > 1 ? 2 : 0);
        for (int i = 0; i < RUNGS.length; i++)
            if (((reached & ~conversation.reached) >> i & 1) != 0)
                counts.add(conversation.ad, event.timeMs, RUNGS[i], 1);
        conversation.reached |= reached;
    }

    private Touch lastTouch() {
        return touches.isEmpty() ? null : touches.get(touches.size() - 1);
    }

    private Touch touchOf(String clickId) {
        for (int i = touches.size() - 1; clickId != null && i >= 0; i--)
            if (clickId.equals(touches.get(i).clickId))
                return touches.get(i);
        return null;
    }

    private static String recent(Touch touch, long timeMs) {
        return touch != null && timeMs - touch.timeMs <= ATTRIBUTION_MS ? touch.ad : null;
    }

    private Conversation ongoingAt(long timeMs) {
        return ongoing != null && timeMs - ongoing.lastInMs < GAP_MS ? ongoing : null;
    }

    private Conversation latestAt(String ad) {
        for (int i = conversations.size() - 1; i >= 0; i--)
            if (conversations.get(i).ad.equals(ad))
                return conversations.get(i);
        return null;
    }

    private static String organic(Event event) {
        return "organic:" + event.account;
    }

    static long hourOf(long timeMs) {
        return Math.floorDiv(timeMs, HOUR_MS);
    }
}
