package io.loghub.log4j2;

import io.loghub.client.Values;
import io.loghub.client.appender.CapturedEvent;
import io.loghub.v1.Severity;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.Marker;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.time.Instant;
import org.apache.logging.log4j.message.MapMessage;
import org.apache.logging.log4j.message.Message;
import org.apache.logging.log4j.util.ReadOnlyStringMap;

/** Reads events of Log4j, on the thread that logs: the events themselves are used again for others. */
final class EventReader {
    private static final int FRAME_BYTES = 80;
    // Causes may form a ring.
    private static final int MAX_DEPTH = 20;

    private EventReader() {}

    /** Returns what there is; what the objects in the event do when they are asked for their text does not matter. */
    static CapturedEvent read(LogEvent event, boolean includeCaller) {
        Message message = event.getMessage();
        Level level = event.getLevel();
        CapturedEvent captured = new CapturedEvent(
                severity(level), level.name(), text(message), event.getLoggerName(), event.getThreadName());
        Instant instant = event.getInstant();
        captured.at(instant.getEpochSecond(), instant.getNanoOfSecond());
        ReadOnlyStringMap context = event.getContextData();
        if (context != null && !context.isEmpty()) {
            captured.context(context.toMap());
        }
        if (message instanceof MapMessage<?, ?> map) {
            map.forEach((key, value) -> captured.pair(key, value));
        }
        if (event.getMarker() != null) {
            captured.marker(names(event.getMarker()));
        }
        Throwable thrown = event.getThrown();
        if (thrown != null) {
            captured.thrown(new Thrown(thrown, Values.text(messageOf(thrown))));
        }
        if (includeCaller && event.getSource() != null) {
            captured.caller(event.getSource());
        }
        return captured;
    }

    private static String text(Message message) {
        try {
            return message.getFormattedMessage();
        } catch (RuntimeException | Error hostile) { // an argument, or a message of the application's own
            return Values.UNPRINTABLE;
        }
    }

    private static String messageOf(Throwable thrown) {
        try {
            String message = thrown.getMessage();
            return message == null ? "" : message;
        } catch (RuntimeException | Error hostile) {
            return Values.UNPRINTABLE;
        }
    }

    private static String names(Marker marker) {
        Marker[] parents = marker.getParents();
        StringBuilder names = new StringBuilder(marker.getName());
        for (int i = 0; parents != null && i < parents.length; i++) {
            names.append(", ").append(parents[i].getName());
        }
        return names.toString();
    }

    private static Severity severity(Level level) {
        int number = level.intLevel();
        if (number <= Level.FATAL.intLevel()) {
            return Severity.SEVERITY_FATAL;
        }
        if (number <= Level.ERROR.intLevel()) {
            return Severity.SEVERITY_ERROR;
        }
        if (number <= Level.WARN.intLevel()) {
            return Severity.SEVERITY_WARN;
        }
        if (number <= Level.INFO.intLevel()) {
            return Severity.SEVERITY_INFO;
        }
        return number <= Level.DEBUG.intLevel() ? Severity.SEVERITY_DEBUG : Severity.SEVERITY_TRACE;
    }

    /** A throwable, with the message that it had when it was logged. */
    private record Thrown(Throwable thrown, String message) implements CapturedEvent.Thrown {
        @Override
        public int weight() {
            int frames = 0;
            Throwable each = thrown;
            for (int i = 0; i < MAX_DEPTH && each != null; i++) {
                frames += 20; // asking for the trace would copy it
                each = each.getCause();
            }
            return frames * FRAME_BYTES;
        }

        @Override
        public String type() {
            return thrown.getClass().getName();
        }

        @Override
        public String stacktrace() {
            StringWriter text = new StringWriter();
            try (PrintWriter printer = new PrintWriter(text)) {
                thrown.printStackTrace(printer);
                return text.toString();
            } catch (RuntimeException | Error hostile) {
                return type() + ": " + Values.UNPRINTABLE;
            }
        }
    }
}
