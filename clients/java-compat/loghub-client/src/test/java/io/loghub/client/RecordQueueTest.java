package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.client.Store.Taken;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class RecordQueueTest {
    private static final int BATCH_BYTES = 2048;
    private static final int QUEUE_BYTES = 4096;
    private static final RecordSource QUARTER = RecordSource.of(Records.ofSize(QUEUE_BYTES / 4));
    private static final Duration LONG = Duration.ofMinutes(5);

    private final Counters counters = new Counters();

    private RecordQueue queue(QueuePolicy policy, Duration blockDeadline, Duration linger) {
        Path none = Path.of("none");
        return new RecordQueue(
                LoghubConfig.builder("h:1")
                        .caFile(none)
                        .certFile(none)
                        .keyFile(none)
                        .maxRecordBytes(BATCH_BYTES)
                        .batchBytes(BATCH_BYTES)
                        .batchRecords(3)
                        .queueBytes(QUEUE_BYTES)
                        .queuePolicy(policy)
                        .blockDeadline(blockDeadline)
                        .linger(linger)
                        .build(),
                new MemoryStore(QUEUE_BYTES),
                counters);
    }

    private static RecordSource source(String body) {
        return RecordSource.of(Records.of(body));
    }

    private RecordQueue full(QueuePolicy policy, Duration blockDeadline) {
        RecordQueue queue = queue(policy, blockDeadline, LONG);
        for (int i = 0; i < 4; i++) {
            assertTrue(queue.offer(QUARTER));
        }
        return queue;
    }

    @Test
    @DisplayName("drop newest: a full queue refuses and counts, and takes again what is released")
    void dropNewest() {
        RecordQueue queue = full(QueuePolicy.DROP_NEWEST, LONG);

        assertFalse(queue.offer(source("x")));
        Taken taken = queue.take(1, BATCH_BYTES);
        assertFalse(queue.offer(source("x")), "what is on its way still holds its room");
        queue.release(taken.bytes());
        assertTrue(queue.offer(source("x")));
        assertEquals(new ClientStats(7, 5, 0, 0, 2, 5, 0, 0), counters.snapshot());
    }

    @Test
    @DisplayName("drop oldest: the newest records stay")
    void dropOldest() {
        RecordQueue queue = full(QueuePolicy.DROP_OLDEST, LONG);

        assertTrue(queue.offer(source("new")));
        assertEquals(1, counters.snapshot().dropped());
        List<RecordSource> left = queue.take(10, QUEUE_BYTES).records();
        assertEquals(4, left.size());
        assertEquals("new", left.get(3).toRecord().getBody());
    }

    @Test
    @DisplayName("drop oldest: what was taken cannot be dropped any more, so the newest is")
    void dropOldestNeverDropsTaken() {
        RecordQueue queue = full(QueuePolicy.DROP_OLDEST, LONG);
        queue.take(10, 2 * QUEUE_BYTES);

        assertFalse(queue.offer(source("new")));
        assertEquals(1, counters.snapshot().dropped());
    }

    @Test
    @DisplayName("block: the caller goes on when there is room")
    void blockUntilRoom() throws Exception {
        RecordQueue queue = full(QueuePolicy.BLOCK, LONG);
        CompletableFuture<Boolean> offered = CompletableFuture.supplyAsync(() -> queue.offer(QUARTER));

        queue.take(1, BATCH_BYTES);
        queue.release(QUARTER.weight());

        assertTrue(offered.get(20, TimeUnit.SECONDS));
        assertEquals(0, counters.snapshot().dropped());
    }

    @Test
    @DisplayName("block: after the deadline the record is dropped")
    void blockGivesUp() {
        RecordQueue queue = full(QueuePolicy.BLOCK, Duration.ofMillis(20));

        assertFalse(queue.offer(QUARTER));
        assertEquals(1, counters.snapshot().dropped());
    }

    @Test
    @DisplayName("block: closing lets the caller go")
    void blockEndsAtClose() throws Exception {
        RecordQueue queue = full(QueuePolicy.BLOCK, LONG);
        CompletableFuture<Boolean> offered = CompletableFuture.supplyAsync(() -> queue.offer(QUARTER));

        queue.close();

        assertFalse(offered.get(20, TimeUnit.SECONDS));
    }

    @Test
    @DisplayName("block: the thread that makes room does not wait for itself, nor does an interrupted one wait")
    void blockNeverBlocksTheSender() {
        RecordQueue queue = full(QueuePolicy.BLOCK, LONG);

        Thread.currentThread().interrupt();
        assertFalse(queue.offer(QUARTER));
        assertTrue(Thread.interrupted(), "the interrupt is kept for the application");
        queue.ownedBy(Thread.currentThread());
        assertFalse(queue.offer(QUARTER));
    }

    @Test
    @DisplayName("a record larger than the queue is dropped and pushes nothing out")
    void recordLargerThanQueue() {
        RecordQueue queue = full(QueuePolicy.DROP_OLDEST, LONG);

        assertFalse(queue.offer(RecordSource.of(Records.ofSize(QUEUE_BYTES + 1))));
        assertEquals(1, counters.snapshot().dropped());
    }

    @Test
    @DisplayName("a batch is due by count, by bytes, by age, or when nothing more will come")
    void due() {
        RecordQueue byCount = queue(QueuePolicy.DROP_NEWEST, LONG, LONG);
        byCount.offer(source("a"));
        byCount.offer(source("b"));
        assertFalse(byCount.isDue());
        byCount.offer(source("c"));
        assertTrue(byCount.isDue());

        RecordQueue byBytes = queue(QueuePolicy.DROP_NEWEST, LONG, LONG);
        byBytes.offer(QUARTER);
        assertFalse(byBytes.isDue());
        byBytes.offer(QUARTER);
        assertTrue(byBytes.isDue());

        RecordQueue byAge = queue(QueuePolicy.DROP_NEWEST, LONG, Duration.ZERO);
        assertFalse(byAge.isDue(), "an empty queue has nothing due");
        byAge.offer(source("a"));
        assertTrue(byAge.isDue());

        RecordQueue closed = queue(QueuePolicy.DROP_NEWEST, LONG, LONG);
        closed.offer(source("a"));
        closed.close();
        assertTrue(closed.isDue());
    }

    @Test
    @DisplayName("a batch taken is within its limits, but never empty while there are records")
    void take() {
        RecordQueue queue = full(QueuePolicy.DROP_NEWEST, LONG);
        int one = QUARTER.weight();

        assertEquals(1, queue.take(10, 1).records().size());
        assertEquals(1, queue.take(1, QUEUE_BYTES).records().size());
        assertEquals(1, queue.take(10, 2 * MemoryStore.inBatch(one) - 1).records().size());
        assertEquals(1, queue.take(10, 2 * MemoryStore.inBatch(one)).records().size());
        assertTrue(queue.take(10, QUEUE_BYTES).records().isEmpty());
        assertTrue(queue.isEmpty());
    }

    @Test
    @DisplayName("the sleeper wakes when a batch becomes due, and by wake even before it sleeps")
    void await() throws Exception {
        RecordQueue queue = queue(QueuePolicy.DROP_NEWEST, LONG, LONG);
        queue.wake();
        queue.await(LONG.toNanos(), true);

        CompletableFuture<Void> full = CompletableFuture.runAsync(() -> {
            for (int i = 0; i < 3; i++) {
                queue.offer(source("a"));
            }
        });
        queue.await(LONG.toNanos(), true);
        full.get(20, TimeUnit.SECONDS);
        assertTrue(queue.isDue());
    }
}
