package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.testhub.FakeHub;
import io.loghub.testhub.FakeHub.Stream;
import io.loghub.testhub.TestPki;
import io.loghub.v1.Hello;
import io.loghub.v1.LogRecord;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A client with a spool, in dialogue with a hub that is played by the test. */
class SpoolClientTest {
    @TempDir
    Path temp;

    private final Heard heard = new Heard();
    private FakeHub hub;
    private LoghubConfig.Builder config;

    @BeforeEach
    void start() throws Exception {
        TestPki pki = new TestPki(Files.createDirectory(temp.resolve("pki")));
        hub = new FakeHub(pki);
        config = LoghubConfig.builder(hub.endpoint())
                .caFile(pki.ca())
                .certFile(pki.clientCert())
                .keyFile(pki.clientKey())
                .batchRecords(1)
                .closeDeadline(Duration.ZERO)
                .spool(temp.resolve("spool"))
                .listener(heard);
    }

    @AfterEach
    void stop() {
        hub.close();
    }

    @Test
    @DisplayName("what one client could not send, the next one does: same producer id, same numbers, then its own")
    void nextLife() {
        Hello first;
        try (LoghubClient client = new LoghubClient(config.build())) {
            Stream stream = hub.accept();
            first = stream.hello();
            stream.welcome(0);
            client.offer(Records.of("a"));
            assertEquals(1, stream.batch().getSeq());
            client.offer(Records.of("b"));
            assertEquals(2, stream.batch().getSeq());
            stream.ack(1);
            assertEquals("acked a", heard.next());
        }
        try (LoghubClient client = new LoghubClient(config.build())) {
            client.offer(Records.of("c"));
            Stream stream = hub.accept();
            Hello second = stream.hello();
            assertEquals(first.getProducerId(), second.getProducerId());
            assertEquals(2, second.getNextSeq());
            stream.welcome(1);
            assertEquals(List.of("b"), Records.bodies(stream.batch()));
            assertEquals(List.of("c"), Records.bodies(stream.batch()));
            stream.ack(3);
            assertEquals("acked b", heard.next());
            assertEquals("acked c", heard.next());
            assertEquals(new ClientStats(2, 2, 2, 0, 0, 0, 0, 0), client.stats());
        }
    }

    @Test
    @DisplayName("while the hub is away much more than the queue would hold waits on the disk")
    void moreThanTheQueue() {
        int count = 40;
        try (LoghubClient client = new LoghubClient(
                config.queueBytes(1 << 20).batchRecords(3).spoolBytes(64 << 20).build())) {
            Stream stream = hub.accept();
            stream.hello();
            for (int n = 0; n < count; n++) {
                assertTrue(client.offer(Records.of(n + " " + "x".repeat(200_000))));
            }
            stream.welcome(0);
            for (int n = 0; n < count; ) {
                var batch = stream.batch();
                for (LogRecord record : batch.getRecordsList()) {
                    assertTrue(record.getBody().startsWith(n++ + " "));
                }
                stream.ack(batch.getSeq());
            }
            heard.next();
            assertEquals(0, client.stats().dropped());
        }
    }

    @Test
    @DisplayName("a record that cannot be made is dropped and counted, and the next one goes")
    void hostileRecord() {
        RecordSource hostile = new RecordSource() {
            @Override
            public int weight() {
                return 1;
            }

            @Override
            public LogRecord toRecord() {
                throw new IllegalStateException("hostile");
            }
        };
        try (LoghubClient client = new LoghubClient(config.build())) {
            assertFalse(client.offer(hostile));
            client.offer(Records.of("good"));
            Stream stream = hub.accept();
            stream.hello();
            stream.welcome(0);
            assertEquals(List.of("good"), Records.bodies(stream.batch()));
            assertEquals(1, client.stats().dropped());
            assertEquals(2, client.stats().offered());
        }
        try (LoghubClient client = new LoghubClient(config.spool(null).build())) {
            assertTrue(client.offer(hostile), "is made when it is sent");
            client.offer(Records.of("good"));
            Stream stream = hub.accept();
            stream.hello();
            stream.welcome(0);
            assertEquals(List.of("good"), Records.bodies(stream.batch()));
            assertTrue(heard.await("dropped 1 what was logged could not be read").contains("hostile"));
        }
    }
}
