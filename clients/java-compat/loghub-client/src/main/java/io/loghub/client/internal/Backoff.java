package io.loghub.client.internal;

import java.time.Duration;
import java.util.function.LongUnaryOperator;

/**
 * How long to wait before the next connection: exponential with full jitter, so that a restarted hub is not met by all
 * of its clients at once (AWS Architecture Blog, "Exponential Backoff And Jitter").
 */
public final class Backoff {
    private final long minNanos;
    private final long maxNanos;
    private final LongUnaryOperator random;
    private long ceilingNanos;

    /**
     * Begins with no failure seen.
     *
     * @param random returns a number from 0 to below its argument
     */
    public Backoff(Duration min, Duration max, LongUnaryOperator random) {
        this.minNanos = min.toNanos();
        this.maxNanos = max.toNanos();
        this.random = random;
        this.ceilingNanos = minNanos;
    }

    /** Returns the delay after one more failure. */
    public long nextNanos() {
        long delay = random.applyAsLong(ceilingNanos + 1);
        ceilingNanos = ceilingNanos > maxNanos / 2 ? maxNanos : ceilingNanos * 2;
        return delay;
    }

    /** Returns a delay in the upper half of the range, for failures that a quick retry will not mend. */
    public long slowNanos() {
        return maxNanos / 2 + random.applyAsLong(maxNanos / 2 + 1);
    }

    /** Begins anew: the connection has proved good. */
    public void reset() {
        ceilingNanos = minNanos;
    }
}
