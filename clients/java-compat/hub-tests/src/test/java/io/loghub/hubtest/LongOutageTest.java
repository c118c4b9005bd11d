package io.loghub.hubtest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubConfig;
import io.loghub.client.QueuePolicy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LongOutageTest {
    private static final long AWAY_SECONDS = Long.getLong("loghub.outage-seconds", 60);
    private static final long RATE = 200;

    @TempDir
    Path folder;

    private static LoghubConfig.Builder config(RealHub hub, String service) {
        return hub.client(hub.endpoint()).service(service).backoffMax(Duration.ofSeconds(2));
    }

    @Test
    @DisplayName("a hub that is away for a minute costs nothing where there is room, and else what is said")
    void aMinute() throws InterruptedException {
        LoghubConfig.Builder small = null;
        try (RealHub hub = new RealHub(folder).start()) {
            small = config(hub, "small").batchBytes(16 << 10).maxRecordBytes(4 << 10).queueBytes(32 << 10);
            try (LoghubClient ample = new LoghubClient(config(hub, "ample").build());
                    LoghubClient newest = new LoghubClient(small.build());
                    LoghubClient oldest = new LoghubClient(
                            small.service("oldest").queuePolicy(QueuePolicy.DROP_OLDEST).build());
                    Numbers ampleNumbers = new Numbers(ample, RATE);
                    Numbers newestNumbers = new Numbers(newest, RATE);
                    Numbers oldestNumbers = new Numbers(oldest, RATE)) {
                for (Numbers each : List.of(ampleNumbers, newestNumbers, oldestNumbers)) {
                    each.awaitAcked(1);
                }
                hub.stop();
                Thread.sleep(TimeUnit.SECONDS.toMillis(AWAY_SECONDS)); // not for a race: this is what is tested
                hub.start();
                for (Numbers each : List.of(ampleNumbers, newestNumbers, oldestNumbers)) {
                    each.awaitAcked(1);
                }
                long all = drained(ample, ampleNumbers, 0);
                assertEquals(Numbers.upTo(all), hub.bodies("ample"));
                all = drained(newest, newestNumbers, 1);
                assertAccount(hub.bodies("small"), newest, all);
                all = drained(oldest, oldestNumbers, 1);
                assertAccount(hub.bodies("oldest"), oldest, all);
            }
        }
    }

    /** Ends the offering and the client; returns how many were offered, of which at least so many were dropped. */
    private static long drained(LoghubClient client, Numbers numbers, long leastDropped) {
        long offered = numbers.stop();
        assertEquals(0, client.close(Duration.ofSeconds(30)));
        ClientStats stats = Numbers.settled(client);
        assertEquals(offered, stats.offered());
        assertTrue(leastDropped == 0 ? stats.dropped() == 0 : stats.dropped() >= leastDropped, stats.toString());
        return offered;
    }

    private static void assertAccount(List<String> delivered, LoghubClient client, long offered) {
        String account = client.stats() + ", first " + delivered.get(0) + ", last " + delivered.get(delivered.size() - 1);
        assertEquals(offered, delivered.size() + client.stats().dropped(), account);
        assertEquals(delivered.size(), new HashSet<>(delivered).size(), "none is doubled");
        for (int i = 1; i < delivered.size(); i++) {
            assertTrue(Long.parseLong(delivered.get(i)) > Long.parseLong(delivered.get(i - 1)), "they are in order");
        }
    }
}
