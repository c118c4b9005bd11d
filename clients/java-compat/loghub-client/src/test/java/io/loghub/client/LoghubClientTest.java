package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.Status;
import io.loghub.testhub.FakeHub;
import io.loghub.testhub.FakeHub.Stream;
import io.loghub.testhub.TestPki;
import io.loghub.v1.Batch;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.Hello;
import io.loghub.v1.LogRecord;
import io.loghub.v1.RecordError;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The protocol, as a dialogue between a client and a hub that is played by the test. */
class LoghubClientTest {
    @TempDir
    static Path folder;

    private static TestPki pki;

    private final FakeHub hub = new FakeHub(pki);
    private final Heard heard = new Heard();
    private LoghubClient client;

    @BeforeAll
    static void issue() {
        pki = new TestPki(folder);
    }

    @AfterEach
    void close() {
        if (client != null) {
            client.close(Duration.ZERO);
        }
        hub.close();
    }

    private LoghubConfig.Builder config() {
        return LoghubConfig.builder(hub.endpoint())
                .caFile(pki.ca())
                .certFile(pki.clientCert())
                .keyFile(pki.clientKey())
                .producerId("p1")
                .service("orders")
                .host("box")
                .attribute("region", "eu")
                .backoffMin(Duration.ofMillis(1))
                .backoffMax(Duration.ofMillis(20))
                .listener(heard);
    }

    /** Starts a client that sends every record in a batch of its own. */
    private LoghubClient single() {
        client = new LoghubClient(config().batchRecords(1).build());
        return client;
    }

    /** Starts a client that waits until it has so many records. */
    private LoghubClient batching(int records) {
        client = new LoghubClient(
                config().batchRecords(records).linger(Duration.ofMinutes(5)).build());
        return client;
    }

    private void offer(String... bodies) {
        for (String body : bodies) {
            assertTrue(client.offer(Records.of(body)));
        }
    }

    private static void assertBatch(long seq, List<String> bodies, Batch batch) {
        assertEquals(seq, batch.getSeq());
        assertEquals(bodies, Records.bodies(batch));
    }

    @Test
    @DisplayName("hello, welcome, batch, ack: the resource is sent once and the records are named when they are stored")
    void plain() {
        batching(2);
        Stream stream = hub.accept();
        Hello hello = stream.hello();
        assertEquals("p1", hello.getProducerId());
        assertEquals(1, hello.getNextSeq());
        assertTrue(hello.getClient().startsWith("loghub-java/"));

        stream.welcome(0);
        offer("a", "b");
        Batch batch = stream.batch();
        assertBatch(1, List.of("a", "b"), batch);
        assertEquals("orders", batch.getResource().getService());
        assertEquals("box", batch.getResource().getHost());
        assertEquals("eu", batch.getResource().getAttributesOrThrow("region").getStringValue());
        assertEquals(2, client.stats().pending());

        stream.ack(1);
        assertEquals("acked a+b", heard.next());
        assertEquals(new ClientStats(2, 2, 2, 0, 0, 0, 0, 0), client.stats());
    }

    @Test
    @DisplayName("after a break the stored batches count as acknowledged and the rest is sent again, in order")
    void resume() {
        single();
        Stream first = hub.accept();
        first.hello();
        first.welcome(0);
        offer("a", "b", "c");
        for (int i = 0; i < 3; i++) {
            first.batch();
        }
        first.fail(Status.UNAVAILABLE);

        Stream second = hub.accept();
        assertEquals(1, second.hello().getNextSeq());
        second.welcome(1);
        assertBatch(2, List.of("b"), second.batch());
        assertBatch(3, List.of("c"), second.batch());
        second.ack(3);

        assertEquals("acked a", heard.next());
        assertEquals("acked b", heard.next());
        assertEquals("acked c", heard.next());
        assertEquals(new ClientStats(3, 3, 3, 0, 0, 0, 2, 1), client.stats());
    }

    @Test
    @DisplayName("a nack with a delay sends again from there, and echoes of it do nothing")
    void goBack() {
        single();
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("a", "b", "c");
        for (int i = 0; i < 3; i++) {
            stream.batch();
        }

        stream.ack(1);
        stream.nack(2, Status.Code.UNAVAILABLE, 5);
        stream.nack(2, Status.Code.FAILED_PRECONDITION, 0);
        assertBatch(2, List.of("b"), stream.batch());
        assertBatch(3, List.of("c"), stream.batch());
        stream.nack(2, Status.Code.FAILED_PRECONDITION, 0);
        stream.ack(3);
        offer("d");

        assertBatch(4, List.of("d"), stream.batch());
        assertEquals(2, client.stats().resent());
        assertEquals(0, client.stats().reconnects());
    }

    @Test
    @DisplayName("a batch that is too large for good is split and those behind it move up")
    void split() {
        batching(3);
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("a", "b", "c", "d", "e", "f");
        stream.batch();
        stream.batch();

        stream.refuse(1, Status.Code.RESOURCE_EXHAUSTED);
        assertBatch(1, List.of("a"), stream.batch());
        assertBatch(2, List.of("b", "c"), stream.batch());
        assertBatch(3, List.of("d", "e", "f"), stream.batch());
        stream.ack(3);

        assertEquals("acked a", heard.next());
        assertEquals("acked b+c", heard.next());
        assertEquals("acked d+e+f", heard.next());
        assertEquals(0, client.stats().dropped());
    }

    @Test
    @DisplayName("a single record that is refused for good is dropped, said so, and leaves no hole")
    void dropRefused() {
        single();
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("bad", "good");
        stream.batch();
        stream.batch();

        stream.refuse(1, Status.Code.INVALID_ARGUMENT);
        assertBatch(1, List.of("good"), stream.batch());
        stream.ack(1);

        assertEquals("dropped 1 the hub refused a batch: never", heard.await("dropped"));
        assertEquals("acked good", heard.next());
        assertEquals(new ClientStats(2, 2, 1, 0, 1, 0, 1, 0), client.stats());
    }

    @Test
    @DisplayName("records that the hub refuses one by one are named with field and reason")
    void rejectedRecords() {
        batching(2);
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("bad", "good");
        stream.batch();

        RecordError.Builder error = RecordError.newBuilder().setSeq(1).setField("trace_id").setReason("has 3 bytes");
        stream.ack(1, error.setIndex(0).build(), error.setIndex(7).build(), error.setSeq(9).build());

        assertEquals("rejected bad trace_id has 3 bytes", heard.next());
        assertEquals("acked good", heard.next());
        assertEquals(new ClientStats(2, 2, 1, 1, 0, 0, 0, 0), client.stats());
    }

    @Test
    @DisplayName("batches and records are made to fit the limits of the welcome")
    void limits() {
        batching(100);
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0, FakeHub.WIDE.toBuilder()
                .setMaxBatchRecords(2)
                .setMaxRecordBytes(300)
                .setMaxAttributes(2)
                .build());
        heard.await("state connected");
        LogRecord.Builder many = LogRecord.newBuilder().setBody("x".repeat(1000) + "\uD800");
        for (String key : new String[] {"k1", "k2", "k3"}) {
            many.putAttributes(key, Values.of(1));
        }
        client.offer(many.build());
        offer("b");

        Batch batch = stream.batch();
        assertEquals(2, batch.getRecordsCount());
        LogRecord cut = batch.getRecords(0);
        assertTrue(cut.getSerializedSize() <= 300);
        assertTrue(cut.getBody().endsWith(Text.CUT_MARKER));
        assertEquals(2, cut.getAttributesCount());
    }

    @Test
    @DisplayName("a record over the own limit is cut before it is queued")
    void ownLimit() {
        single();
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("x".repeat(20 << 20));

        Batch batch = stream.batch();
        assertTrue(batch.getSerializedSize() <= 257 << 10);
        assertTrue(batch.getRecords(0).getBody().endsWith(Text.CUT_MARKER));
    }

    @Test
    @DisplayName("lone surrogates arrive as U+FFFD")
    void loneSurrogates() {
        single();
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("x\uD800y");

        assertBatch(1, List.of("x\uFFFDy"), stream.batch());
    }

    @Test
    @DisplayName("after the hub's goodbye the client comes back and goes on")
    void hubGoodbye() {
        single();
        Stream first = hub.accept();
        first.hello();
        first.welcome(0);
        offer("a");
        first.batch();
        first.ack(1);
        first.sayGoodbye(GoodbyeReason.GOODBYE_REASON_SHUTDOWN, true);

        Stream second = hub.accept();
        assertEquals(2, second.hello().getNextSeq());
        second.welcome(1);
        offer("b");
        assertBatch(2, List.of("b"), second.batch());
        heard.await("state hub " + hub.endpoint() + " said goodbye: GOODBYE_REASON_SHUTDOWN");
    }

    @Test
    @DisplayName("a goodbye that says not to come back only slows the client down")
    void hubGoodbyeForGood() {
        single();
        Stream first = hub.accept();
        first.hello();
        first.welcome(0);
        first.sayGoodbye(GoodbyeReason.GOODBYE_REASON_EXPIRED, false);

        hub.accept().hello();
    }

    @Test
    @DisplayName("a hub that asks for a batch that is settled is met anew")
    void impossibleNack() {
        single();
        Stream first = hub.accept();
        first.hello();
        first.welcome(5);
        offer("a");
        assertBatch(6, List.of("a"), first.batch());
        first.nack(3, Status.Code.FAILED_PRECONDITION, 0);

        Stream second = hub.accept();
        assertEquals(6, second.hello().getNextSeq());
        second.welcome(2);
        assertBatch(6, List.of("a"), second.batch());
    }

    @Test
    @DisplayName("a hub that does not acknowledge in time, or not even welcome, is met anew")
    void silence() {
        client = new LoghubClient(config()
                .batchRecords(1)
                .connectDeadline(Duration.ofSeconds(1))
                .ackDeadline(Duration.ofSeconds(1))
                .build());
        hub.accept().hello();
        Stream second = hub.accept();
        second.hello();
        second.welcome(0);
        offer("a");
        second.batch();

        Stream third = hub.accept();
        assertEquals(1, third.hello().getNextSeq());
    }

    @Test
    @DisplayName("closing sends what is left at once, says goodbye, and returns 0 when all is acknowledged")
    void closeFlushes() throws Exception {
        batching(100);
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("a", "b");
        CountDownLatch closed = new CountDownLatch(1);
        long[] left = {-1};
        Thread closer = new Thread(() -> {
            left[0] = client.close(Duration.ofSeconds(20));
            closed.countDown();
        });
        closer.start();

        assertBatch(1, List.of("a", "b"), stream.batch());
        stream.ack(1);
        stream.goodbye();
        stream.sayGoodbye(GoodbyeReason.GOODBYE_REASON_DONE, false);
        closed.await();

        assertEquals(0, left[0]);
        assertFalse(client.offer(Records.of("late")));
        assertEquals(new ClientStats(3, 2, 2, 0, 1, 0, 0, 0), client.stats());
    }

    @Test
    @DisplayName("closing gives up at its deadline and returns what was not acknowledged")
    void closeGivesUp() {
        batching(2);
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("a", "b", "c");
        stream.batch();

        assertEquals(3, client.close(Duration.ofMillis(100)));
        assertEquals(3, client.close(Duration.ofMillis(100)), "closing again is allowed");
        assertEquals(3, client.stats().pending());
    }

    @Test
    @DisplayName("a full queue drops the newest, and says how many, once for many")
    void queueFull() {
        client = new LoghubClient(config()
                .maxRecordBytes(1024)
                .batchBytes(1024)
                .queueBytes(2048)
                .build());
        Stream stream = hub.accept();
        stream.hello();
        int dropped = 0;
        for (int i = 0; i < 100; i++) {
            dropped += client.offer(Records.ofSize(100)) ? 0 : 1;
        }
        stream.welcome(0);

        assertEquals(80, dropped);
        assertEquals(80, client.stats().dropped());
        long told = 0;
        while (told < 80) {
            told += Long.parseLong(heard.await("dropped").split(" ")[1]);
        }
        assertEquals(80, told);
    }

    @Test
    @DisplayName("a listener that throws does not stop the sending")
    void hostileListener() {
        client = new LoghubClient(config().batchRecords(1).listener(new LoghubListener() {
            @Override
            public void onAcked(List<LogRecord> records) {
                throw new AssertionError("hostile");
            }

            @Override
            public void onState(String message) {
                throw new IllegalStateException("hostile");
            }
        }).build());
        Stream stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        offer("a");
        stream.batch();
        stream.ack(1);
        offer("b");

        assertBatch(2, List.of("b"), stream.batch());
    }
}
