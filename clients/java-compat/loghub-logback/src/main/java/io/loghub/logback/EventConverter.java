package io.loghub.logback;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import io.loghub.client.Values;
import io.loghub.v1.Exception;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.slf4j.Marker;
import org.slf4j.event.KeyValuePair;

/** Makes a record of an event. */
final class EventConverter {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long NANOS_PER_MILLI = 1_000_000L;

    private EventConverter() {}

    /** Returns the record; what the objects in the event do when they are asked for their text does not matter. */
    static LogRecord convert(ILoggingEvent event) {
        LogRecord.Builder record = LogRecord.newBuilder()
                .setTimeUnixNano(nanos(event))
                .setSeverity(severity(event.getLevel()))
                .setSeverityText(event.getLevel().toString())
                .setBody(orEmpty(event.getFormattedMessage()))
                .setLogger(orEmpty(event.getLoggerName()))
                .setThread(orEmpty(event.getThreadName()));
        addContext(record, event.getMDCPropertyMap());
        addPairs(record, event.getKeyValuePairs());
        addMarkers(record, event.getMarkerList());
        if (event.getThrowableProxy() != null) {
            record.setException(exception(event.getThrowableProxy()));
        }
        return record.build();
    }

    private static long nanos(ILoggingEvent event) {
        Instant instant = event.getInstant();
        return instant == null
                ? event.getTimeStamp() * NANOS_PER_MILLI
                : instant.getEpochSecond() * NANOS_PER_SECOND + instant.getNano();
    }

    private static Severity severity(Level level) {
        if (level.isGreaterOrEqual(Level.ERROR)) {
            return Severity.SEVERITY_ERROR;
        }
        if (level.isGreaterOrEqual(Level.WARN)) {
            return Severity.SEVERITY_WARN;
        }
        if (level.isGreaterOrEqual(Level.INFO)) {
            return Severity.SEVERITY_INFO;
        }
        return level.isGreaterOrEqual(Level.DEBUG) ? Severity.SEVERITY_DEBUG : Severity.SEVERITY_TRACE;
    }

    private static void addContext(LogRecord.Builder record, Map<String, String> context) {
        if (context == null || context.isEmpty()) {
            return;
        }
        for (Map.Entry<String, String> each : context.entrySet()) {
            if (each.getKey() != null && !TraceIds.take(each.getKey(), each.getValue(), record)) {
                record.putAttributes(each.getKey(), Values.of(each.getValue()));
            }
        }
    }

    // After the context, since they belong to this event alone.
    private static void addPairs(LogRecord.Builder record, List<KeyValuePair> pairs) {
        if (pairs != null) {
            for (KeyValuePair pair : pairs) {
                record.putAttributes(orEmpty(pair.key), Values.of(pair.value));
            }
        }
    }

    private static void addMarkers(LogRecord.Builder record, List<Marker> markers) {
        if (markers != null && !markers.isEmpty()) {
            String text = markers.stream().map(Values::text).collect(Collectors.joining(", "));
            record.putAttributes("marker", Values.of(text));
        }
    }

    private static Exception exception(IThrowableProxy thrown) {
        return Exception.newBuilder()
                .setType(orEmpty(thrown.getClassName()))
                .setMessage(orEmpty(thrown.getMessage()))
                .setStacktrace(ThrowableProxyUtil.asString(thrown).replace("\r\n", "\n").strip())
                .build();
    }

    private static String orEmpty(String text) {
        return text == null ? "" : text;
    }
}
