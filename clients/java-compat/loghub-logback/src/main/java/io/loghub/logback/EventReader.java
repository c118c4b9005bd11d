package io.loghub.logback;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.IThrowableProxy;
import ch.qos.logback.classic.spi.StackTraceElementProxy;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import io.loghub.client.Values;
import io.loghub.client.appender.CapturedEvent;
import io.loghub.v1.Severity;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import org.slf4j.Marker;
import org.slf4j.event.KeyValuePair;

/** Reads events of logback, on the thread that logs. */
final class EventReader {
    private static final int FRAME_BYTES = 80;
    private static final int NANOS_PER_MILLI = 1_000_000;
    // Causes may form a ring.
    private static final int MAX_DEPTH = 20;

    private EventReader() {}

    /** Returns what there is; what the objects in the event do when they are asked for their text does not matter. */
    static CapturedEvent read(ILoggingEvent event, boolean includeCaller) {
        Level level = event.getLevel();
        CapturedEvent captured = new CapturedEvent(
                severity(level),
                level.levelStr,
                event.getFormattedMessage(),
                event.getLoggerName(),
                event.getThreadName());
        setTime(captured, event);
        // A copy already, or of a kind that is copied before it is changed.
        captured.context(event.getMDCPropertyMap());
        List<KeyValuePair> pairs = event.getKeyValuePairs();
        if (pairs != null) {
            for (KeyValuePair pair : pairs) {
                captured.pair(pair.key, pair.value);
            }
        }
        List<Marker> markers = event.getMarkerList();
        if (markers != null && !markers.isEmpty()) {
            captured.marker(markers.stream().map(Values::text).collect(Collectors.joining(", ")));
        }
        if (event.getThrowableProxy() != null) {
            captured.thrown(new Thrown(event.getThrowableProxy()));
        }
        if (includeCaller) {
            StackTraceElement[] frames = event.getCallerData();
            if (frames.length > 0) {
                captured.caller(frames[0]);
            }
        }
        return captured;
    }

    private static void setTime(CapturedEvent captured, ILoggingEvent event) {
        Instant instant = event.getInstant();
        if (instant == null) {
            long millis = event.getTimeStamp();
            captured.at(Math.floorDiv(millis, 1000L), Math.floorMod(millis, 1000) * NANOS_PER_MILLI);
        } else {
            captured.at(instant.getEpochSecond(), instant.getNano());
        }
    }

    private static Severity severity(Level level) {
        int number = level.levelInt;
        if (number >= Level.ERROR_INT) {
            return Severity.SEVERITY_ERROR;
        }
        if (number >= Level.WARN_INT) {
            return Severity.SEVERITY_WARN;
        }
        if (number >= Level.INFO_INT) {
            return Severity.SEVERITY_INFO;
        }
        return number >= Level.DEBUG_INT ? Severity.SEVERITY_DEBUG : Severity.SEVERITY_TRACE;
    }

    /** What logback has read of a throwable when it was logged, so nothing of it can change. */
    private record Thrown(IThrowableProxy proxy) implements CapturedEvent.Thrown {
        @Override
        public int weight() {
            int frames = 0;
            IThrowableProxy each = proxy;
            for (int i = 0; i < MAX_DEPTH && each != null; i++) {
                StackTraceElementProxy[] trace = each.getStackTraceElementProxyArray();
                frames += trace == null ? 1 : trace.length + 1;
                each = each.getCause();
            }
            return frames * FRAME_BYTES;
        }

        @Override
        public String type() {
            return proxy.getClassName();
        }

        @Override
        public String message() {
            return proxy.getMessage();
        }

        @Override
        public String stacktrace() {
            return ThrowableProxyUtil.asString(proxy);
        }
    }
}
