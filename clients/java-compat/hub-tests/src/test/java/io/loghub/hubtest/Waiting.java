package io.loghub.hubtest;

import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** Waits for what other processes bring about, for a bounded time. */
final class Waiting {
    private static final long POLL_MILLIS = 10;

    private Waiting() {}

    static void until(long seconds, String otherwise, Callable<Boolean> met) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        try {
            while (!met.call()) {
                if (System.nanoTime() - deadline > 0) {
                    throw new AssertionError(otherwise);
                }
                Thread.sleep(POLL_MILLIS);
            }
        } catch (RuntimeException | Error failure) {
            throw failure;
        } catch (Exception failure) {
            throw new AssertionError(otherwise, failure);
        }
    }
}
