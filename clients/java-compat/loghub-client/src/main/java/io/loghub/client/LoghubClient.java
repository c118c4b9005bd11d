package io.loghub.client;

import io.loghub.v1.LogRecord;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.UUID;
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
    private final String producerId;
    private final RecordQueue queue;
    private final Sender sender;
    private final Thread thread;

    /**
     * Starts to connect, in the background.
     *
     * @throws UncheckedIOException where the spool cannot be used; the message says why
     */
    public LoghubClient(LoghubConfig config) {
        this.config = config;
        Journal journal;
        if (config.spool() == null) {
            this.producerId = config.producerId() == null ? randomId() : config.producerId();
            this.queue = new RecordQueue(config, new MemoryStore(config.queueBytes()), counters);
            journal = Journal.NONE;
        } else {
            Spooling spooling = Spooling.open(config, counters, randomId());
            this.producerId = spooling.producerId();
            this.queue = spooling.queue();
            journal = spooling.journal();
        }
        this.sender = new Sender(config, producerId, queue, journal, counters);
        this.thread = new Thread(sender, "loghub-sender");
        // An application that ends without closing its client must be able to end.
        thread.setDaemon(true);
        queue.ownedBy(thread);
        thread.start();
    }

    private static String randomId() {
        return "java-" + UUID.randomUUID();
    }

    /** Returns the name that the hub counts this client's batches by. */
    public String producerId() {
        return producerId;
    }

    /**
     * Queues a record. Returns at once, but for {@link QueuePolicy#BLOCK}, and never throws.
     *
     * @return whether the queue took it; where not, it is counted as dropped
     */
    public boolean offer(LogRecord record) {
        return offer(RecordSource.of(record));
    }

    /** Queues a record that is made only when it is sent; the same as {@link #offer(LogRecord)} otherwise. */
    public boolean offer(RecordSource source) {
        try {
            return queue.offer(source.weight() > config.maxRecordBytes() ? cut(source) : source);
        } catch (RuntimeException | Error hostile) { // what was logged may do anything when it is read
            queue.refuse();
            return false;
        }
    }

    /** Counts a record as offered and dropped that could not even be captured. */
    public void uncapturable() {
        queue.refuse();
    }

    // Before it is queued, so that one huge record cannot push out all others.
    private RecordSource cut(RecordSource source) {
        LogRecord record = RecordFit.scrub(source.toRecord());
        return RecordSource.of(RecordFit.cut(record, config.maxRecordBytes(), 0));
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
     * @return records that were not acknowledged in time, and may or may not be stored; a spool keeps them for its next
     *     life
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
