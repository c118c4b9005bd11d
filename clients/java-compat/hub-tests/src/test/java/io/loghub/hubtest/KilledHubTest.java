package io.loghub.hubtest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.QueuePolicy;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledHubTest {
    private static final int KILLS = 20;

    @TempDir
    Path folder;

    @Test
    @DisplayName("over twenty kills of the hub every record that was taken is stored, once and in order")
    void exactlyOnce() {
        try (RealHub hub = new RealHub(folder).start();
                LoghubClient client = new LoghubClient(hub.client(hub.endpoint())
                        .service("killed")
                        .queuePolicy(QueuePolicy.BLOCK)
                        .blockDeadline(Duration.ofMinutes(2))
                        .batchRecords(50)
                        .backoffMin(Duration.ofMillis(10))
                        .backoffMax(Duration.ofMillis(200))
                        .build());
                Numbers numbers = new Numbers(client, 2000)) {
            for (int kill = 0; kill < KILLS; kill++) {
                numbers.awaitAcked(500);
                hub.kill();
                hub.start();
            }
            long offered = numbers.stop();
            assertEquals(0, client.close(Duration.ofSeconds(60)));

            ClientStats stats = Numbers.settled(client);
            assertEquals(offered, stats.acked());
            assertTrue(stats.reconnects() >= KILLS, stats.toString());
            assertEquals(Numbers.upTo(offered), hub.bodies("killed"));
        }
    }
}
