package io.loghub.client;

import io.loghub.v1.LogRecord;

/**
 * A record that is still to be made: what was captured where it happened, so that the rest of the work is done on the
 * client's sending thread and not on the application's.
 *
 * <p>Whatever may change later must have been captured; the object must be safe to read from another thread.
 */
public interface RecordSource {
    /** Returns about how many bytes of memory this holds until the hub has the record; the queue is bounded by it. */
    int weight();

    /** Makes the record; called once, but by {@link LoghubClient#offer} already where a spool is set or it is huge. */
    LogRecord toRecord();

    /** Returns a source of a record that is made already. */
    static RecordSource of(LogRecord record) {
        return new Made(record, record.getSerializedSize());
    }

    /** A record that is made already. */
    record Made(LogRecord toRecord, int weight) implements RecordSource {}
}
