package io.loghub.client;

import io.loghub.client.Window.Held;
import io.loghub.v1.Ack;
import io.loghub.v1.LogRecord;
import io.loghub.v1.RecordError;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Tells the listener, thinned; for the sending thread only. What the listener throws is swallowed. */
final class Reporter {
    private static final long DROP_REPORT_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final String QUEUE_FULL = "the queue was full or closed";

    private final LoghubListener listener;
    private final Counters counters;
    private String lastState = "";
    private String dropReason = QUEUE_FULL;
    private long lastDropReport = System.nanoTime() - DROP_REPORT_NANOS;

    Reporter(LoghubListener listener, Counters counters) {
        this.listener = listener;
        this.counters = counters;
    }

    /** Says it, unless it was the last thing said. */
    void state(String message) {
        if (!message.equals(lastState)) {
            lastState = message;
            tell(() -> listener.onState(message));
        }
    }

    /** Counts, then names the records of a settled batch; a listener that asks for the stats finds them in it. */
    void settled(Held batch, Ack ack) {
        Map<Integer, RecordError> refused = new HashMap<>();
        for (RecordError error : ack.getRejectedList()) {
            int index = error.getIndex();
            if (error.getSeq() == batch.seq() && Integer.compareUnsigned(index, batch.records().size()) < 0) {
                refused.put(index, error);
            }
        }
        counters.acked.add(batch.records().size() - refused.size());
        counters.rejected.add(refused.size());
        if (refused.isEmpty()) {
            tell(() -> listener.onAcked(batch.records()));
            return;
        }
        List<LogRecord> stored = new ArrayList<>(batch.records().size());
        for (int i = 0; i < batch.records().size(); i++) {
            LogRecord record = batch.records().get(i);
            RecordError error = refused.get(i);
            if (error == null) {
                stored.add(record);
            } else {
                tell(() -> listener.onRejected(record, error.getField(), error.getReason()));
            }
        }
        if (!stored.isEmpty()) {
            tell(() -> listener.onAcked(stored));
        }
    }

    /** Remembers why the hub refused a whole batch, for the next report of drops. */
    void refused(String reason) {
        dropReason = "the hub refused a batch: " + reason;
    }

    /** Remembers, for the next report of drops, that what was logged could not be made a record. */
    void unreadable(Throwable why) {
        dropReason = "what was logged could not be read: " + Values.text(why);
    }

    /** Reports the drops since the last report, unless that was a moment ago. */
    void reportDrops(long now) {
        if (counters.hasUnreportedDrops() && now - lastDropReport >= DROP_REPORT_NANOS) {
            lastDropReport = now;
            reportAllDrops();
        }
    }

    /** Reports what was not reported, however recent. */
    void reportAllDrops() {
        long records = counters.takeUnreportedDrops();
        if (records > 0) {
            String reason = dropReason;
            dropReason = QUEUE_FULL;
            tell(() -> listener.onDropped(records, reason));
        }
    }

    /** Returns how long until drops are to be reported. */
    long nanosUntilReport(long now) {
        return counters.hasUnreportedDrops() ? lastDropReport + DROP_REPORT_NANOS - now : Long.MAX_VALUE / 4;
    }

    private static void tell(Runnable what) {
        try {
            what.run();
        } catch (RuntimeException | Error theirs) {
            // The listener is the application's; its failure must not stop the sending.
        }
    }
}
