package io.loghub.client;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/** The counts behind {@link ClientStats}; any thread may add. */
final class Counters {
    final LongAdder offered = new LongAdder();
    final LongAdder accepted = new LongAdder();
    final LongAdder acked = new LongAdder();
    final LongAdder rejected = new LongAdder();
    final LongAdder resent = new LongAdder();
    final LongAdder reconnects = new LongAdder();
    private final AtomicLong dropped = new AtomicLong();
    private volatile long reported;

    /** Counts records as lost; returns whether there is something new to report since all was reported. */
    boolean drop(long records) {
        return dropped.addAndGet(records) - records == reported;
    }

    boolean hasUnreportedDrops() {
        return dropped.get() != reported;
    }

    /** Returns the drops since the last call; for the sending thread only. */
    long takeUnreportedDrops() {
        long now = dropped.get();
        long fresh = now - reported;
        reported = now;
        return fresh;
    }

    ClientStats snapshot() {
        // Ends are read before beginnings, so that what happens meanwhile cannot make pending negative.
        long ended = acked.sum();
        long refused = rejected.sum();
        long lost = dropped.get();
        long taken = accepted.sum();
        long all = offered.sum();
        return new ClientStats(
                all, taken, ended, refused, lost, all - ended - refused - lost, resent.sum(), reconnects.sum());
    }
}
