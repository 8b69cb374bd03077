package job;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.LocalDate;
import java.time.OffsetDateTime;

/** A canonical event as the fold wants it. */
public final class Event implements Comparable<Event> {
    public static final int CLICK = 0, OPEN = 1, IN = 2, OUT = 3, OUTCOME = 4, OTHER = 5;
    static final int AUTO = 0, PREFILLED = 1, SHORT = 2, STARTED = 3, ENGAGED = 4;

    private static final JsonFactory FACTORY = new JsonFactory();
    private static final int MIN_WORDS = 2;

    public int rank = OTHER;
    public long timeMs;
    public String id = "";
    String user, clickId, ad, account = "default", stage = "";
    boolean isAuto;
    int kind = STARTED;
    long micros;

    /** Of one record's value, which is one object. */
    public static Event parse(byte[] json) {
        try (JsonParser parser = FACTORY.createParser(json)) {
            return new Event().read(parser);
        } catch (IOException wrong) {
            return new Event();
        }
    }

    private Event read(JsonParser parser) throws IOException {
        String type = "", direction = "", text = null;
        int words = -1;
        boolean isPrefilled = false, hasMedia = false;
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String field = parser.currentName();
            JsonToken token = parser.nextToken();
            switch (field) {
                case "type" -> type = parser.getText();
                case "id" -> id = parser.getText();
                case "ts" -> timeMs = token == JsonToken.VALUE_NUMBER_INT
                        ? ofNumber(parser.getLongValue()) : ofText(parser.getText());
                case "user" -> user = parser.getText();
                case "click_id" -> clickId = parser.getText();
                case "account" -> account = parser.getText();
                case "ad" -> ad = parser.getText();
                case "cost", "value" -> micros = toMicros(parser.getText());
                case "direction" -> direction = parser.getText();
                case "auto" -> isAuto = token == JsonToken.VALUE_TRUE;
                case "prefilled" -> isPrefilled = token == JsonToken.VALUE_TRUE;
                case "media" -> hasMedia = token == JsonToken.VALUE_TRUE;
                case "words" -> words = parser.getIntValue();
                case "text" -> text = parser.getText();
                case "stage" -> stage = parser.getText();
                default -> parser.skipChildren();
            }
        }
        rank = rankOf(type, direction);
        if (rank == IN && words < 0)
            words = text == null ? 0 : wordsOf(text);
        kind = isAuto ? AUTO : isPrefilled ? PREFILLED : !hasMedia && words < MIN_WORDS ? SHORT : STARTED;
        return this;
    }

    private static int rankOf(String type, String direction) {
        return switch (type) {
            case "click" -> CLICK;
            case "open" -> OPEN;
            case "message" -> direction.equals("in") ? IN : OUT;
            case "outcome" -> OUTCOME;
            default -> OTHER;
        };
    }

    private static int wordsOf(String text) {
        String trimmed = text.strip();
        return trimmed.isEmpty() ? 0 : trimmed.split("[ \\t\\n\\r\\f\\x0B]+").length;
    }

    private static long ofNumber(long number) {
        return number >= 100_000_000_000L ? number : number * 1000;
    }

    private static int digits(String text, int from, int to) {
        return Integer.parseInt(text, from, to, 10);
    }

    private static long ofText(String text) {
        int length = text.length();
        if (length >= 20 && text.charAt(length - 1) == 'Z' && (length == 20 || length == 24)) {
            long day = LocalDate.of(digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)).toEpochDay();
            long second = digits(text, 11, 13) * 3600L + digits(text, 14, 16) * 60L + digits(text, 17, 19);
            return (day * 86400 + second) * 1000 + (length == 24 ? digits(text, 20, 23) : 0);
        }
        return text.indexOf('-') > 0 ? OffsetDateTime.parse(text).toInstant().toEpochMilli()
                : ofNumber(Long.parseLong(text));
    }

    private static long toMicros(String decimal) {
        return new BigDecimal(decimal).movePointRight(6).setScale(0, RoundingMode.HALF_UP).longValueExact();
    }

    @Override
    public int compareTo(Event other) {
        int order = Long.compare(timeMs, other.timeMs);
        if (order == 0)
            order = Integer.compare(rank, other.rank);
        return order != 0 ? order : id.compareTo(other.id);
    }

    void write(DataOutput out) throws IOException {
        out.writeLong(timeMs);
        out.writeByte(rank | (isAuto ? 8 : 0) | kind << 4);
        out.writeUTF(id);
        for (String text : new String[] {user, clickId, ad, account, stage})
            out.writeUTF(text == null ? "" : text);
        if (rank == CLICK || rank == OUTCOME)
            out.writeLong(micros);
    }

    static Event read(DataInput in) throws IOException {
        Event event = new Event();
        event.timeMs = in.readLong();
        int packed = in.readByte();
        event.rank = packed & 7;
        event.isAuto = (packed & 8) != 0;
        event.kind = packed >> 4;
        event.id = in.readUTF();
        event.user = orNull(in.readUTF());
        event.clickId = orNull(in.readUTF());
        event.ad = orNull(in.readUTF());
        event.account = in.readUTF();
        event.stage = in.readUTF();
        if (event.rank == CLICK || event.rank == OUTCOME)
            event.micros = in.readLong();
        return event;
    }

    private static String orNull(String text) {
        return text.isEmpty() ? null : text;
    }
}
