package io.loghub.client.appender;

import com.google.protobuf.ByteString;
import io.loghub.client.RecordSource;
import io.loghub.client.Values;
import io.loghub.v1.Exception;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.util.Arrays;
import java.util.Map;

/**
 * What an event was when it was logged: whatever could change later is read here, on the application's thread, and
 * nothing else is done there. The record is made of it on the client's own thread.
 *
 * <p>Filled by one thread, then left alone.
 */
public final class CapturedEvent implements RecordSource {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final int OBJECT_BYTES = 160;
    private static final int PAIR_BYTES = 48;
    private static final Object[] NO_PAIRS = {};

    private final Severity severity;
    private final String severityText;
    private final String body;
    private final String logger;
    private final String thread;
    private long timeUnixNano;
    private Map<String, String> context = Map.of();
    // Keys and values in turn.
    private Object[] pairs = NO_PAIRS;
    private int pairsEnd;
    private String marker;
    private StackTraceElement caller;
    private String traceId = "";
    private String spanId = "";
    private Thrown thrown;
    private int weight;

    /** Begins with what every event has; null texts are empty ones. */
    public CapturedEvent(Severity severity, String severityText, String body, String logger, String thread) {
        this.severity = severity;
        this.severityText = orEmpty(severityText);
        this.body = orEmpty(body);
        this.logger = orEmpty(logger);
        this.thread = orEmpty(thread);
        this.weight = OBJECT_BYTES + this.body.length();
    }

    /** Something that was thrown; asked on the client's thread. */
    public interface Thrown {
        /** Returns about how many bytes its stack trace will have. */
        int weight();

        String type();

        String message();

        /** Returns it as the runtime prints it, causes and suppressed ones included. */
        String stacktrace();
    }

    /** Sets when it happened. */
    public CapturedEvent at(long epochSecond, int nanoOfSecond) {
        timeUnixNano = epochSecond * NANOS_PER_SECOND + nanoOfSecond;
        return this;
    }

    /** Sets the thread's context (MDC): a map that nobody changes any more. */
    public CapturedEvent context(Map<String, String> values) {
        if (values != null && !values.isEmpty()) {
            context = values;
            for (Map.Entry<String, String> each : values.entrySet()) {
                weight += PAIR_BYTES + length(each.getKey()) + length(each.getValue());
            }
        }
        return this;
    }

    /** Adds a key with a value of any kind; what is no number, boolean or text is kept as the text that it has now. */
    public CapturedEvent pair(String key, Object value) {
        if (pairsEnd == pairs.length) {
            pairs = Arrays.copyOf(pairs, Math.max(8, 2 * pairsEnd));
        }
        Object kept = kept(value);
        pairs[pairsEnd++] = orEmpty(key);
        pairs[pairsEnd++] = kept;
        weight += PAIR_BYTES + length(key) + (kept instanceof String text ? text.length() : Long.BYTES);
        return this;
    }

    private static Object kept(Object value) {
        if (value == null || value instanceof String || value instanceof Boolean) {
            return value;
        }
        if (value instanceof Integer || value instanceof Long || value instanceof Double || value instanceof Float
                || value instanceof Short || value instanceof Byte) {
            return value;
        }
        return value instanceof byte[] bytes ? ByteString.copyFrom(bytes) : Values.text(value);
    }

    /** Sets the names of its markers. */
    public CapturedEvent marker(String names) {
        marker = names;
        weight += PAIR_BYTES + length(names);
        return this;
    }

    /** Sets where in the program it was logged. */
    public CapturedEvent caller(StackTraceElement frame) {
        caller = frame;
        weight += 4 * PAIR_BYTES;
        return this;
    }

    /** Sets the ids of the span that is open, in hexadecimal; ids of the context come before them. */
    public CapturedEvent span(String trace, String span) {
        traceId = trace;
        spanId = span;
        return this;
    }

    /** Sets what was thrown. */
    public CapturedEvent thrown(Thrown what) {
        thrown = what;
        weight += what.weight();
        return this;
    }

    @Override
    public int weight() {
        return weight;
    }

    @Override
    public LogRecord toRecord() {
        LogRecord.Builder record = LogRecord.newBuilder()
                .setTimeUnixNano(timeUnixNano)
                .setSeverity(severity)
                .setSeverityText(severityText)
                .setBody(body)
                .setLogger(logger)
                .setThread(thread);
        if (!traceId.isEmpty()) {
            TraceIds.take("trace_id", traceId, record);
            TraceIds.take("span_id", spanId, record);
        }
        for (Map.Entry<String, String> each : context.entrySet()) {
            if (each.getKey() != null && !TraceIds.take(each.getKey(), each.getValue(), record)) {
                record.putAttributes(each.getKey(), Values.of(each.getValue()));
            }
        }
        addOwn(record);
        return record.build();
    }

    // After the context, since these belong to this event alone.
    private void addOwn(LogRecord.Builder record) {
        for (int i = 0; i < pairsEnd; i += 2) {
            record.putAttributes((String) pairs[i], Values.of(pairs[i + 1]));
        }
        if (marker != null) {
            record.putAttributes("marker", Values.of(marker));
        }
        if (caller != null) {
            // The names of OpenTelemetry's semantic conventions.
            record.putAttributes("code.function.name", Values.of(caller.getClassName() + "." + caller.getMethodName()));
            record.putAttributes("code.file.path", Values.of(orEmpty(caller.getFileName())));
            record.putAttributes("code.line.number", Values.of(caller.getLineNumber()));
        }
        if (thrown != null) {
            record.setException(Exception.newBuilder()
                    .setType(orEmpty(thrown.type()))
                    .setMessage(orEmpty(thrown.message()))
                    .setStacktrace(orEmpty(thrown.stacktrace()).replace("\r\n", "\n").strip()));
        }
    }

    private static int length(String text) {
        return text == null ? 0 : text.length();
    }

    private static String orEmpty(String text) {
        return text == null ? "" : text;
    }
}
