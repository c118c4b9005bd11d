package io.loghub.hubtest;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.v1.LogRecord;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;

/** Offers records with the numbers from 0 as bodies, at a rate, on a thread of its own, until it is stopped. */
final class Numbers implements AutoCloseable {
    private static final long SECOND_NANOS = 1_000_000_000L;

    private static final String PADDING = "x".repeat(100);

    private final LoghubClient client;
    private final long rate;
    private final Thread thread = new Thread(this::run, "numbers");
    private volatile boolean stopping;
    private long offered;

    Numbers(LoghubClient client, long ratePerSecond) {
        this.client = client;
        this.rate = ratePerSecond;
        thread.start();
    }

    private void run() {
        long start = System.nanoTime();
        for (long n = 0; !stopping; n++) {
            long early = start + n * SECOND_NANOS / rate - System.nanoTime();
            if (early > 0) {
                LockSupport.parkNanos(early);
            }
            client.offer(LogRecord.newBuilder().setBody(Long.toString(n)).setThread(PADDING).build());
            offered = n + 1;
        }
    }

    /** Waits until so many more records are acknowledged. */
    void awaitAcked(long more) {
        long goal = client.stats().acked() + more;
        Waiting.until(60, "records are not acknowledged: " + client.stats(), () -> client.stats().acked() >= goal);
    }

    /** Offers no more; returns how many were offered. */
    long stop() {
        stopping = true;
        try {
            thread.join();
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
        return offered;
    }

    /** Returns the numbers as bodies. */
    static List<String> upTo(long count) {
        return LongStream.range(0, count).mapToObj(Long::toString).toList();
    }

    /** Returns the account of a client that all is settled of. */
    static ClientStats settled(LoghubClient client) {
        ClientStats stats = client.stats();
        if (stats.pending() != 0) {
            throw new AssertionError("not all is settled: " + stats);
        }
        return stats;
    }

    @Override
    public void close() {
        stop();
    }
}
