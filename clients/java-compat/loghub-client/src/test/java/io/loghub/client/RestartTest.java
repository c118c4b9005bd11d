package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.testhub.StoringHub;
import io.loghub.testhub.TestPki;
import io.loghub.v1.LogRecord;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RestartTest {
    private static final int RECORDS = 20_000;
    private static final int LIVES = 10;

    @TempDir
    Path folder;

    @Test
    @DisplayName("over ten lives of the hub every record is stored once and in order")
    void exactlyOnce() throws Exception {
        TestPki pki = new TestPki(folder);
        Semaphore reached = new Semaphore(0);
        try (StoringHub hub = new StoringHub(pki)) {
            int[] next = {RECORDS / LIVES};
            hub.onStored(count -> {
                if (count >= next[0]) {
                    next[0] += RECORDS / LIVES;
                    reached.release();
                }
            });
            LoghubClient client = new LoghubClient(LoghubConfig.builder(hub.endpoint())
                    .caFile(pki.ca())
                    .certFile(pki.clientCert())
                    .keyFile(pki.clientKey())
                    .batchRecords(50)
                    .batchBytes(16 << 10)
                    .maxRecordBytes(4 << 10)
                    .queueBytes(64 << 10)
                    .queuePolicy(QueuePolicy.BLOCK)
                    .blockDeadline(Duration.ofMinutes(1))
                    .backoffMin(Duration.ofMillis(1))
                    .backoffMax(Duration.ofMillis(20))
                    .build());
            Thread producer = new Thread(() -> IntStream.range(0, RECORDS)
                    .forEach(n -> client.offer(Records.of(Integer.toString(n)))));
            producer.start();
            for (int life = 1; life < LIVES; life++) {
                assertTrue(reached.tryAcquire(30, TimeUnit.SECONDS));
                hub.kill();
                hub.start();
            }
            producer.join();

            assertEquals(0, client.close(Duration.ofSeconds(30)));
            List<String> bodies = hub.stored().stream().map(LogRecord::getBody).toList();
            assertEquals(IntStream.range(0, RECORDS).mapToObj(Integer::toString).toList(), bodies);
            ClientStats stats = client.stats();
            assertEquals(RECORDS, stats.acked());
            assertEquals(0, stats.dropped());
            assertTrue(stats.reconnects() >= LIVES / 2, stats.toString());
        }
    }
}
