package io.loghub.client.appender;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubListener;
import io.loghub.client.Values;
import io.loghub.v1.LogRecord;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An appender without its library: a client, off where there is no endpoint or a setting is wrong, that says what
 * happens to it in the library's own status.
 */
public final class Shipping {
    // The client's own network code: below WARN its events would beget further ones without end.
    private static final String[] OWN_LOGGERS = {"io.grpc.netty.shaded.", "io.grpc.internal."};

    private final Status status;
    private final Spans spans = Spans.find();
    private final AtomicBoolean failureSaid = new AtomicBoolean();
    private volatile LoghubClient client;

    /** Where a logging library keeps what its parts have to say for people. */
    public interface Status {
        void info(String message);

        void warn(String message);

        /** Says that something is wrong; {@code cause} may be null. */
        void error(String message, Throwable cause);
    }

    private Shipping(Status status) {
        this.status = status;
    }

    /** Starts to connect, in the background; a wrong setting is said in the status. */
    public static Shipping start(AppenderSettings settings, Status status) {
        Shipping shipping = new Shipping(status);
        if (settings.endpoint.isBlank()) {
            status.info("loghub is off: no endpoint is set");
            return shipping;
        }
        try {
            shipping.client = new LoghubClient(settings.config(new StatusListener(status)));
        } catch (IllegalArgumentException | NullPointerException | UncheckedIOException wrongSetting) {
            status.error("loghub is off: " + wrongSetting.getMessage(), null);
        } catch (RuntimeException | LinkageError unusable) {
            status.error("loghub is off: " + Values.text(unusable), unusable);
        }
        return shipping;
    }

    /** Returns whether an event of this logger is to be sent; {@code warns}: it is of WARN or above. */
    public boolean wants(String logger, boolean warns) {
        return client != null && !(logger != null && !warns && logger.startsWith("io.grpc.") && isOwn(logger));
    }

    private static boolean isOwn(String logger) {
        for (String own : OWN_LOGGERS) {
            if (logger.startsWith(own)) {
                return true;
            }
        }
        return false;
    }

    /** Queues an event, with the span that is open on this thread. */
    public void ship(CapturedEvent event) {
        LoghubClient open = client;
        if (open != null) {
            spans.capture(event);
            open.offer(event);
        }
    }

    /** Counts an event that could not be read, and says so once: each status line may be kept in memory. */
    public void failed(String logger, Throwable why) {
        LoghubClient open = client;
        if (open != null) {
            open.uncapturable();
        }
        if (failureSaid.compareAndSet(false, true)) {
            status.error("loghub could not read an event of " + logger + ": " + Values.text(why), null);
        }
    }

    /** Sends what is queued, within the deadline, and says how much was left. */
    public void stop() {
        LoghubClient open = client;
        client = null;
        if (open != null) {
            open.close();
            long left = open.stats().pending();
            if (left > 0) {
                status.warn("loghub closed with " + left + " records that were not acknowledged");
            }
        }
    }

    /** Returns what became of the records so far; null where it is off. */
    public ClientStats stats() {
        LoghubClient open = client;
        return open == null ? null : open.stats();
    }

    private record StatusListener(Status status) implements LoghubListener {
        @Override
        public void onState(String message) {
            if (message.startsWith("connected")) {
                status.info(message);
            } else {
                status.warn(message);
            }
        }

        @Override
        public void onDropped(long records, String reason) {
            status.warn("loghub dropped " + records + " records: " + reason);
        }

        @Override
        public void onRejected(LogRecord record, String field, String reason) {
            status.warn("loghub: a record of " + record.getLogger() + " was refused: " + field + " " + reason);
        }
    }
}
