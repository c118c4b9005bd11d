package io.loghub.client;

import io.loghub.v1.LogRecord;
import io.loghub.v1.Value;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Function;

/** Changes a record so that the hub can take it, and as little as possible. */
final class RecordFit {
    /** Attribute that says how many attributes were left out. */
    static final String DROPPED_ATTRIBUTES = "loghub.dropped_attributes";

    // Each cut takes the longest text down to what is needed, so a record that needs more is all attributes.
    private static final int MAX_CUTS = 16;

    private RecordFit() {}

    /**
     * Returns the record without lone surrogates, which protobuf would write as question marks and complain about; the
     * same object where there are none.
     */
    static LogRecord scrub(LogRecord record) {
        if (isClean(record)) {
            return record;
        }
        LogRecord.Builder to = record.toBuilder();
        for (TextField field : TextField.ALL) {
            String before = field.get(record);
            String after = Text.scrub(before);
            if (after != before) { // identity: scrub returns its argument where nothing is wrong
                field.set(to, after);
            }
        }
        to.clearAttributes();
        record.getAttributesMap().forEach((key, value) -> to.putAttributes(Text.scrub(key), scrub(value)));
        return to.build();
    }

    // What every record goes through: no loop over the fields by their enumeration, which takes twice the time.
    private static boolean isClean(LogRecord record) {
        return Text.isClean(record.getBody())
                && Text.isClean(record.getLogger())
                && Text.isClean(record.getThread())
                && Text.isClean(record.getService())
                && Text.isClean(record.getHost())
                && Text.isClean(record.getSeverityText())
                && (!record.hasException() || isClean(record.getException()))
                && (record.getAttributesCount() == 0 || isClean(record.getAttributesMap()));
    }

    private static boolean isClean(io.loghub.v1.Exception exception) {
        return Text.isClean(exception.getStacktrace())
                && Text.isClean(exception.getMessage())
                && Text.isClean(exception.getType());
    }

    private static boolean isClean(Map<String, Value> attributes) {
        for (Map.Entry<String, Value> each : attributes.entrySet()) {
            Value value = each.getValue();
            if (!Text.isClean(each.getKey()) || (value.hasStringValue() && !Text.isClean(value.getStringValue()))) {
                return false;
            }
        }
        return true;
    }

    private static Value scrub(Value value) {
        if (!value.hasStringValue()) {
            return value;
        }
        String before = value.getStringValue();
        String after = Text.scrub(before);
        return after == before ? value : Value.newBuilder().setStringValue(after).build();
    }

    /**
     * Returns a scrubbed record cut down to the limits, the same object where it is within them: attributes over their
     * number are left out, then the longest texts end in {@link Text#CUT_MARKER}, and if even that is not enough the
     * attributes go.
     *
     * @param maxAttributes 0: no limit
     */
    static LogRecord cut(LogRecord record, long maxBytes, int maxAttributes) {
        LogRecord cut = record;
        if (maxAttributes > 0 && record.getAttributesCount() > maxAttributes) {
            cut = withFewerAttributes(record, maxAttributes - 1);
        }
        cut = withTextsCut(cut, maxBytes);
        return cut.getSerializedSize() > maxBytes ? withTextsCut(withFewerAttributes(cut, 0), maxBytes) : cut;
    }

    private static LogRecord withTextsCut(LogRecord record, long maxBytes) {
        LogRecord cut = record;
        for (int i = 0; i < MAX_CUTS && cut.getSerializedSize() > maxBytes; i++) {
            cut = withLongestCut(cut, cut.getSerializedSize() - maxBytes);
        }
        return cut;
    }

    private static LogRecord withFewerAttributes(LogRecord record, int keep) {
        LogRecord.Builder to = record.toBuilder().clearAttributes();
        // Sorted, so that which ones stay does not change from record to record.
        new TreeMap<>(record.getAttributesMap())
                .entrySet().stream().limit(keep).forEach(each -> to.putAttributes(each.getKey(), each.getValue()));
        return to.putAttributes(DROPPED_ATTRIBUTES, Values.of(record.getAttributesCount() - keep)).build();
    }

    private static LogRecord withLongestCut(LogRecord record, long excess) {
        TextField field = TextField.BODY;
        int length = -1;
        for (TextField each : TextField.ALL) {
            int bytes = Text.utf8Length(each.get(record));
            if (bytes > length) {
                field = each;
                length = bytes;
            }
        }
        String key = null;
        for (Map.Entry<String, Value> each : record.getAttributesMap().entrySet()) {
            int bytes = Text.utf8Length(each.getValue().getStringValue());
            if (bytes > length) {
                key = each.getKey();
                length = bytes;
            }
        }
        if (length <= Text.CUT_MARKER_BYTES) {
            return record; // nothing to be gained
        }
        int target = (int) Math.max(Text.CUT_MARKER_BYTES, length - excess);
        LogRecord.Builder to = record.toBuilder();
        if (key == null) {
            field.set(to, Text.cut(field.get(record), target));
        } else {
            String text = record.getAttributesOrThrow(key).getStringValue();
            to.putAttributes(key, Values.of(Text.cut(text, target)));
        }
        return to.build();
    }

    /** The texts of a record, apart from its attributes. */
    private enum TextField {
        BODY(LogRecord::getBody, LogRecord.Builder::setBody),
        STACKTRACE(
                record -> record.getException().getStacktrace(),
                (to, text) -> to.getExceptionBuilder().setStacktrace(text)),
        EXCEPTION_MESSAGE(
                record -> record.getException().getMessage(),
                (to, text) -> to.getExceptionBuilder().setMessage(text)),
        EXCEPTION_TYPE(
                record -> record.getException().getType(),
                (to, text) -> to.getExceptionBuilder().setType(text)),
        LOGGER(LogRecord::getLogger, LogRecord.Builder::setLogger),
        THREAD(LogRecord::getThread, LogRecord.Builder::setThread),
        SERVICE(LogRecord::getService, LogRecord.Builder::setService),
        HOST(LogRecord::getHost, LogRecord.Builder::setHost),
        SEVERITY_TEXT(LogRecord::getSeverityText, LogRecord.Builder::setSeverityText);

        // values() copies; this is read for every record.
        private static final TextField[] ALL = values();

        private final Function<LogRecord, String> getter;
        private final BiConsumer<LogRecord.Builder, String> setter;

        TextField(Function<LogRecord, String> getter, BiConsumer<LogRecord.Builder, String> setter) {
            this.getter = getter;
            this.setter = setter;
        }

        String get(LogRecord record) {
            return getter.apply(record);
        }

        void set(LogRecord.Builder to, String text) {
            setter.accept(to, text);
        }
    }
}
