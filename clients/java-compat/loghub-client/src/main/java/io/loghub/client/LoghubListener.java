package io.loghub.client;

import io.loghub.v1.LogRecord;
import java.util.List;

/**
 * Hears what becomes of records. All methods are called on the client's one sending thread, so they must return soon;
 * what they throw is ignored.
 */
public interface LoghubListener {
    /** Does nothing. */
    LoghubListener NONE = new LoghubListener() {};

    /**
     * These records are on the hub's disk.
     *
     * @param records in the order they were offered; each record is named once, whatever was sent again
     */
    default void onAcked(List<LogRecord> records) {}

    /**
     * The hub refused this record for good.
     *
     * @param field name of the field at fault
     * @param reason what is wrong with it
     */
    default void onRejected(LogRecord record, String field, String reason) {}

    /**
     * Records were lost in the client; said at most once a second.
     *
     * @param records how many since this was last said
     */
    default void onDropped(long records, String reason) {}

    /** The connection came or went, in words for a person; not said again while it stays the same. */
    default void onState(String message) {}
}
