package io.loghub.client;

import io.loghub.v1.LogRecord;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Sends log records to a hub, durably: over a stream that is resumed after every break, so that what the hub stored is
 * not stored twice and what it did not is sent again.
 *
 * <p>A client connects by itself, also when the hub is down at first. Use one per process; any thread may call it.
 */
public final class LoghubClient implements AutoCloseable {
    /** Program and version, as told to the hub. */
    static final String PROGRAM = "loghub-java/" + version();

    private static final Duration JOIN_SLACK = Duration.ofSeconds(2);

    private final LoghubConfig config;
    private final Counters counters = new Counters();
    private final RecordQueue queue;
    private final Sender sender;
    private final Thread thread;

    /** Starts to connect, in the background. */
    public LoghubClient(LoghubConfig config) {
        this.config = config;
        this.queue = new RecordQueue(config, counters);
        this.sender = new Sender(config, queue, counters);
        this.thread = new Thread(sender, "loghub-sender");
        // An application that ends without closing its client must be able to end.
        thread.setDaemon(true);
        queue.ownedBy(thread);
        thread.start();
    }

    /**
     * Queues a record. Returns at once, but for {@link QueuePolicy#BLOCK}, and never throws.
     *
     * @return whether the queue took it; where not, it is counted as dropped
     */
    public boolean offer(LogRecord record) {
        LogRecord fit = record;
        if (record.getSerializedSize() > config.maxRecordBytes()) {
            // Before it is queued, so that one huge record cannot push out all others.
            fit = RecordFit.cut(RecordFit.scrub(record), config.maxRecordBytes(), 0);
        }
        return queue.offer(fit);
    }

    /** Returns what became of the records so far. */
    public ClientStats stats() {
        return counters.snapshot();
    }

    /** Closes with {@link LoghubConfig#closeDeadline()}. */
    @Override
    public void close() {
        close(config.closeDeadline());
    }

    /**
     * Takes no more records, sends what is queued, and takes leave of the hub; may be called again.
     *
     * @param deadline how long that may take
     * @return records that were not acknowledged in time, and may or may not be stored
     */
    public long close(Duration deadline) {
        sender.closeBy(System.nanoTime() + Math.min(RecordQueue.nanos(deadline), Long.MAX_VALUE / 4));
        queue.close();
        if (Thread.currentThread() != thread) {
            join(deadline);
        }
        return counters.snapshot().pending();
    }

    private void join(Duration deadline) {
        try {
            long millis = RecordQueue.nanos(deadline) / TimeUnit.MILLISECONDS.toNanos(1);
            thread.join(millis + JOIN_SLACK.toMillis());
        } catch (InterruptedException interrupted) {
            sender.closeBy(System.nanoTime());
            queue.wake();
            Thread.currentThread().interrupt();
        }
    }

    private static String version() {
        String version = LoghubClient.class.getPackage().getImplementationVersion();
        return version == null ? "dev" : version;
    }
}
