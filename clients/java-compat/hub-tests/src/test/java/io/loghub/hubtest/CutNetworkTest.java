package io.loghub.hubtest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubListener;
import io.loghub.client.QueuePolicy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CutNetworkTest {
    private static final int CUTS = 10;
    private static final int SILENCES = 3;

    @TempDir
    Path folder;

    private final Semaphore noticed = new Semaphore(0);

    @Test
    @DisplayName("a network that is cut or silent costs no record and doubles none")
    void exactlyOnce() throws InterruptedException {
        try (RealHub hub = new RealHub(folder).start();
                CuttableProxy network = new CuttableProxy(hub.port());
                LoghubClient client = new LoghubClient(hub.client(network.endpoint())
                        .service("cut")
                        .queuePolicy(QueuePolicy.BLOCK)
                        .blockDeadline(Duration.ofMinutes(2))
                        .batchRecords(50)
                        .ackDeadline(Duration.ofSeconds(1))
                        .connectDeadline(Duration.ofSeconds(5))
                        .backoffMin(Duration.ofMillis(10))
                        .backoffMax(Duration.ofMillis(200))
                        .listener(new LoghubListener() {
                            @Override
                            public void onState(String message) {
                                if (message.contains("has not acknowledged anything for too long")) {
                                    noticed.release();
                                }
                            }
                        })
                        .build());
                Numbers numbers = new Numbers(client, 2000)) {
            for (int i = 0; i < CUTS; i++) {
                numbers.awaitAcked(500);
                network.cut();
            }
            for (int i = 0; i < SILENCES; i++) {
                numbers.awaitAcked(500);
                network.swallow(true);
                assertTrue(noticed.tryAcquire(60, TimeUnit.SECONDS), "the silence goes unnoticed");
                // What was sent before arrives now, after the client has given it up.
                network.swallow(false);
                numbers.awaitAcked(500);
                noticed.drainPermits();
            }
            long offered = numbers.stop();
            assertEquals(0, client.close(Duration.ofSeconds(60)));

            ClientStats stats = Numbers.settled(client);
            assertEquals(offered, stats.acked());
            assertTrue(stats.reconnects() >= CUTS, stats.toString());
            assertEquals(Numbers.upTo(offered), hub.bodies("cut"));
        }
    }
}
