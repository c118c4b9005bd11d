package io.loghub.client.tail;

import io.loghub.v1.Gap;
import java.util.List;

/**
 * Hears what a subscription brings. All methods are called on one thread of the subscription's own, one after the other,
 * so they may take their time: the hub sends no more than there is credit for. What they throw is counted
 * ({@link TailStats#listenerFailures()}) and told to {@link #onState}; the subscription goes on behind it.
 */
public interface TailListener {
    /**
     * Records that match, in the order of the log, each once.
     *
     * @param records at least one
     * @param cursor stands behind the last of them: kept, it is where another subscription can go on
     */
    void onRecords(List<TailRecord> records, String cursor);

    /**
     * Records can no longer be had: {@code gap.getCount()} of them, before filtering, none of which has been told.
     *
     * @param gap with the reason, the offsets and the cursor behind it
     */
    default void onGap(Gap gap) {}

    /** Nothing matched up to here, but the cursor moved. */
    default void onPosition(String cursor) {}

    /** The connection came or went, in words for a person; not said again while it stays the same. */
    default void onState(String message) {}

    /** The last call: the subscription has ended for good. */
    default void onEnd(TailEnd end) {}
}
