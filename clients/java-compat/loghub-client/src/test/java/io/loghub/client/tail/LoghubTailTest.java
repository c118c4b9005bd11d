package io.loghub.client.tail;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Timestamp;
import io.grpc.Status;
import io.loghub.testhub.FakeTailHub;
import io.loghub.testhub.FakeTailHub.Call;
import io.loghub.testhub.TestPki;
import io.loghub.v1.AuthExpiring;
import io.loghub.v1.ClientMessage.KindCase;
import io.loghub.v1.Error;
import io.loghub.v1.ErrorCode;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.Subscribe;
import io.loghub.v1.TailGoodbye;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A subscription, as a dialogue with a hub over real TLS. */
class LoghubTailTest {
    private static final int CREDIT = 4;

    @TempDir
    static Path folder;

    private static TestPki pki;

    private final HeardTail heard = new HeardTail();
    private final AtomicReference<String> token = new AtomicReference<>("one");
    private FakeTailHub hub;

    @BeforeAll
    static void issue() {
        pki = new TestPki(folder);
    }

    @BeforeEach
    void start() {
        hub = new FakeTailHub(pki);
    }

    @AfterEach
    void stop() {
        hub.close();
    }

    private LoghubTail.Builder config() {
        return LoghubTail.builder(hub.endpoint())
                .caFile(pki.ca())
                .certFile(pki.clientCert())
                .keyFile(pki.clientKey())
                .creditRecords(CREDIT)
                .backoffMin(Duration.ofMillis(1))
                .backoffMax(Duration.ofMillis(20))
                .connectDeadline(Duration.ofSeconds(50))
                .closeDeadline(Duration.ZERO); // most of the dialogues end without the hub's consent
    }

    private TailSubscription subscribe(LoghubTail.Builder config) {
        return config.build().subscribe("level>=warn", From.oldest(), heard);
    }

    @Test
    @DisplayName("records, gaps and positions come in order, each with a cursor that is ours once we are done with it")
    void inOrder() {
        try (TailSubscription tail = subscribe(config().tenant("acme").maxRecordsPerSecond(9))) {
            Call call = hub.accept();
            Subscribe asked = call.subscribe();
            assertEquals("level>=warn", asked.getFilter());
            assertEquals("acme", asked.getTenant());
            assertEquals(9, asked.getMaxRecordsPerS());
            assertTrue(asked.getOldest() && asked.getFollow());
            assertEquals(CREDIT, asked.getCredit());
            assertEquals("", call.authorization());

            call.confirm(0);
            call.records(0, 2);
            call.gap(2, 5);
            call.position(9);

            assertEquals("0+1 c2", heard.next());
            assertEquals("gap 2-5", heard.next());
            assertEquals("position c9", heard.next());
            assertEquals(new TailStats(2, 3, 0, 0), tail.stats());
            call.records(9, 1);
            assertEquals("9 c10", heard.next());
            call.unsubscribed(10);
            assertEquals("end all that was asked for has been sent", heard.next());
            assertEquals("c10", tail.cursor());
        }
    }

    @Test
    @DisplayName("after a break it goes on at its newest cursor, and what it was told before is not told again")
    void resumes() {
        try (TailSubscription tail = subscribe(config())) {
            Call call = hub.accept();
            call.subscribe();
            call.confirm(0);
            call.records(0, 2);
            assertEquals("0+1 c2", heard.next());
            call.fail(Status.UNAVAILABLE.withDescription("gone").asRuntimeException());
            assertTrue(heard.state("lost").contains("UNAVAILABLE: gone"));

            Call second = hub.accept();
            Subscribe asked = second.subscribe();
            assertEquals("c2", asked.getCursor());
            assertFalse(asked.getOldest());
            second.confirm(2);
            second.records(2, 1);

            assertEquals("2 c3", heard.next());
            assertEquals(1, tail.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a break before the first record resumes where the hub had said that it begins")
    void resumesBeforeTheFirstRecord() {
        try (TailSubscription tail = subscribe(config())) {
            Call call = hub.accept();
            call.subscribe();
            call.confirm(7);
            heard.state("connected to hub localhost");
            call.fail(Status.UNAVAILABLE.asRuntimeException());

            assertEquals("c7", hub.accept().subscribe().getCursor());
            assertEquals(0, tail.stats().records());
        }
    }

    @Test
    @DisplayName("a hub that never answers is left, and tried again")
    void silentHub() {
        try (TailSubscription tail = subscribe(config().connectDeadline(Duration.ofSeconds(2)))) {
            Call call = hub.accept();
            call.subscribe();

            assertTrue(heard.state("cannot reach").contains("no answer in time"));
            call.expect(KindCase.KIND_NOT_SET);
            assertTrue(hub.accept().subscribe().getOldest());
            assertEquals("", tail.cursor());
        }
    }

    @Test
    @DisplayName("credit comes back as the listener gets done, and a busy listener gets no more than its credit")
    void credit() throws InterruptedException {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        HeardTail slow = new HeardTail() {
            @Override
            public void onRecords(List<TailRecord> records, String cursor) {
                entered.countDown();
                await(leave);
                super.onRecords(records, cursor);
            }
        };
        try (TailSubscription tail = config().build().subscribe("", From.now(), slow)) {
            Call call = hub.accept();
            call.subscribe();
            call.confirm(0);
            call.records(0, 3);
            assertTrue(entered.await(20, TimeUnit.SECONDS));
            call.fail(Status.UNAVAILABLE.asRuntimeException());

            // The break does not reach the listener, and its records still count.
            Call second = hub.accept();
            Subscribe asked = second.subscribe();
            assertEquals(1, asked.getCredit());
            assertEquals("c3", asked.getCursor());
            second.confirm(3);
            second.records(3, 1);
            assertEquals("", tail.cursor().replace("c0", ""), "the listener is not done with any");
            leave.countDown();

            assertEquals("0+1+2 c3", slow.next());
            assertEquals("3 c4", slow.next());
            int given = second.expect(KindCase.CREDIT).getCredit().getRecords();
            assertTrue(given == 3 || given == 4, "given " + given);
        }
    }

    @Test
    @DisplayName("a listener that throws, errors included, is told, counted, and called again with what follows")
    void throwingListener() {
        HeardTail broken = new HeardTail() {
            @Override
            public void onRecords(List<TailRecord> records, String cursor) {
                super.onRecords(records, cursor);
                if (records.get(0).offset() == 0) {
                    throw new StackOverflowError("deep");
                }
                throw new IllegalStateException("theirs");
            }
        };
        try (TailSubscription tail = config().build().subscribe("", From.now(), broken)) {
            Call call = hub.accept();
            call.subscribe();
            call.confirm(0);
            call.records(0, 1);
            call.records(1, 1);
            assertEquals("0 c1", broken.next());
            assertTrue(broken.state("the listener failed").contains("deep"));
            assertEquals("1 c2", broken.next());
            assertTrue(broken.state("the listener failed").contains("theirs"));
            call.position(5);
            assertEquals("position c5", broken.next());
            assertEquals(new TailStats(2, 0, 2, 0), tail.stats());
        }
    }

    @Test
    @DisplayName("a goodbye is followed by a return after the time that the hub asks for")
    void goodbye() {
        try (TailSubscription tail = subscribe(config())) {
            Call call = hub.accept();
            call.subscribe();
            call.confirm(4);
            heard.state("connected");
            long said = System.nanoTime();
            call.goodbye(TailGoodbye.newBuilder()
                    .setReason(GoodbyeReason.GOODBYE_REASON_SHUTDOWN)
                    .setMessage("the hub stops")
                    .setReconnect(true)
                    .setRetryAfter(com.google.protobuf.Duration.newBuilder().setNanos(300_000_000)));
            assertTrue(heard.state("lost").contains("the hub stops"));

            assertEquals("c4", hub.accept().subscribe().getCursor());

            assertTrue(System.nanoTime() - said >= TimeUnit.MILLISECONDS.toNanos(300));
            assertEquals(0, tail.stats().reconnects(), "the second has not been confirmed");
        }
    }

    @Test
    @DisplayName("a goodbye that rules out a return ends the subscription as failed")
    void finalGoodbye() throws InterruptedException {
        try (TailSubscription tail = subscribe(config())) {
            Call call = hub.accept();
            call.subscribe();
            call.goodbye(TailGoodbye.newBuilder()
                    .setReason(GoodbyeReason.GOODBYE_REASON_PROTOCOL)
                    .setMessage("no such message"));

            assertEquals("end failed no such message", heard.next());
            assertEquals(new TailEnd(true, "no such message"), tail.awaitEnd(Duration.ofSeconds(20)));
            assertEquals(0, hub.waiting());
        }
    }

    @Test
    @DisplayName("a filter that the hub cannot read ends the subscription with the hub's words")
    void badFilter() throws InterruptedException {
        try (TailSubscription tail = subscribe(config())) {
            Call call = hub.accept();
            call.subscribe();
            call.error(Error.newBuilder()
                    .setId("tail")
                    .setCode(ErrorCode.ERROR_CODE_BAD_FILTER)
                    .setMessage("column 3: never closed"));

            assertEquals("end failed column 3: never closed", heard.next());
            assertNotNull(tail.awaitEnd(Duration.ofSeconds(20)));
        }
    }

    @Test
    @DisplayName("a token goes with the call; one that is about to expire is renewed in the stream")
    void renewsToken() {
        try (TailSubscription tail = subscribe(config().token(token::get))) {
            Call call = hub.accept();
            assertEquals("Bearer one", call.authorization());
            call.subscribe();
            call.confirm(0);
            token.set("two");
            call.say(ServerMessage.newBuilder()
                    .setAuthExpiring(AuthExpiring.newBuilder().setExpires(Timestamp.getDefaultInstance())));

            assertEquals("two", call.expect(KindCase.AUTH).getAuth().getToken());
            call.records(0, 1);
            assertEquals("0 c1", heard.next());
            assertEquals(0, tail.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a token that is refused is tried again only once there is another; an expiry leads back with it")
    void refusedToken() {
        try (TailSubscription tail = subscribe(config().token(token::get))) {
            Call call = hub.accept();
            call.subscribe();
            call.confirm(3);
            heard.state("connected");
            token.set("two");
            call.goodbye(TailGoodbye.newBuilder().setReason(GoodbyeReason.GOODBYE_REASON_EXPIRED));

            Call second = hub.accept();
            assertEquals("Bearer two", second.authorization());
            assertEquals("c3", second.subscribe().getCursor());
            token.set("three");
            second.fail(Status.UNAUTHENTICATED.withDescription("revoked").asRuntimeException());

            Call third = hub.accept();
            assertEquals("Bearer three", third.authorization());
            third.fail(Status.UNAUTHENTICATED.withDescription("revoked").asRuntimeException());

            assertEquals("end failed UNAUTHENTICATED: revoked", heard.next());
            assertEquals(0, hub.waiting());
            assertEquals("c3", tail.cursor());
        }
    }

    @Test
    @DisplayName("a token supplier that fails is asked again, and the subscription begins once it gives a token")
    void failingSupplier() {
        CountDownLatch asked = new CountDownLatch(2);
        try (TailSubscription tail = subscribe(config().token(() -> {
            asked.countDown();
            if (asked.getCount() > 0) {
                throw new IllegalStateException("no identity provider");
            }
            return "late";
        }))) {
            assertTrue(heard.state("cannot connect").contains("no identity provider"));
            assertEquals("Bearer late", hub.accept().authorization());
            assertEquals(0, tail.stats().listenerFailures());
        }
    }

    @Test
    @DisplayName("a close takes leave of the hub, tells what came before, and nothing behind it")
    void close() throws InterruptedException {
        TailSubscription tail = subscribe(config());
        Call call = hub.accept();
        call.subscribe();
        call.confirm(0);
        call.records(0, 1);
        assertEquals("0 c1", heard.next()); // so it stands: before, there is nothing to take leave of
        Thread closing = new Thread(() -> assertTrue(tail.close(Duration.ofSeconds(20))));
        closing.start();
        call.expect(KindCase.UNSUBSCRIBE);
        call.records(1, 1); // was on its way
        call.unsubscribed(2);
        closing.join(20_000);

        assertEquals("1 c2", heard.next());
        assertEquals("end closed", heard.next());
        assertEquals(new TailEnd(false, "closed"), tail.awaitEnd(Duration.ofSeconds(1)));
        assertEquals("c2", tail.cursor());
        call.expect(KindCase.KIND_NOT_SET);
        assertTrue(tail.close(Duration.ZERO), "it may be called again");
        assertEquals(0, heard.unheard());
    }

    @Test
    @DisplayName("a close that is overdue gives up what was not told, and the cursor stands before it")
    void overdueClose() throws InterruptedException {
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch leave = new CountDownLatch(1);
        HeardTail stuck = new HeardTail() {
            @Override
            public void onRecords(List<TailRecord> records, String cursor) {
                entered.countDown();
                await(leave);
                super.onRecords(records, cursor);
            }
        };
        TailSubscription tail = config().build().subscribe("", From.now(), stuck);
        Call call = hub.accept();
        call.subscribe();
        call.confirm(0);
        call.records(0, 1);
        call.records(1, 1);
        assertTrue(entered.await(20, TimeUnit.SECONDS));

        assertFalse(tail.close(Duration.ofMillis(50)));
        call.expect(KindCase.UNSUBSCRIBE);
        call.expect(KindCase.KIND_NOT_SET);
        assertNull(tail.awaitEnd(Duration.ZERO));
        leave.countDown();

        assertEquals("0 c1", stuck.next());
        assertEquals("end closed", stuck.next());
        assertNotNull(tail.awaitEnd(Duration.ofSeconds(20)));
        assertEquals("c1", tail.cursor());
    }

    @Test
    @DisplayName("a listener may close its own subscription")
    void closesItself() throws InterruptedException {
        AtomicReference<TailSubscription> self = new AtomicReference<>();
        CountDownLatch known = new CountDownLatch(1);
        HeardTail once = new HeardTail() {
            @Override
            public void onRecords(List<TailRecord> records, String cursor) {
                super.onRecords(records, cursor);
                await(known);
                self.get().close(Duration.ofSeconds(20));
            }
        };
        self.set(config().build().subscribe("", From.now(), once));
        known.countDown();
        Call call = hub.accept();
        call.subscribe();
        call.confirm(0);
        call.records(0, 1);
        call.expect(KindCase.UNSUBSCRIBE);
        call.unsubscribed(1);

        assertEquals("0 c1", once.next());
        assertEquals("end closed", once.next());
        assertFalse(self.get().awaitEnd(Duration.ofSeconds(20)).failed());
    }

    @Test
    @DisplayName("a close while the hub is away ends at once")
    void closeWithoutHub() {
        TailSubscription tail = subscribe(config());
        hub.accept();
        hub.close();
        heard.state("cannot reach");

        assertTrue(tail.close(Duration.ofSeconds(20)));
        assertEquals("end closed", heard.next());
    }

    @Test
    @DisplayName("a PEM file that is not there is named")
    void missingFile() {
        Path late = folder.resolve("late.pem");
        try (TailSubscription tail = subscribe(config().caFile(late))) {
            assertTrue(heard.state("cannot connect").contains("late.pem"));
            assertEquals("", tail.cursor());
        }
    }

    @Test
    @DisplayName("a configuration that cannot work is refused with the setting's name")
    void configuration() {
        assertRefused("certFile", LoghubTail.builder("h:1"));
        assertRefused("keyFile", LoghubTail.builder("h:1").certFile(pki.clientCert()));
        assertRefused("creditRecords", config().creditRecords(0));
        assertRefused("maxRecordsPerSecond", config().maxRecordsPerSecond(-1));
        assertRefused("backoffMin", config().backoffMin(Duration.ofMinutes(1)));
        assertRefused("connectDeadline", config().connectDeadline(Duration.ZERO));
        assertRefused("closeDeadline", config().closeDeadline(Duration.ofSeconds(-1)));
    }

    private static void assertRefused(String setting, LoghubTail.Builder config) {
        String said = assertThrows(IllegalArgumentException.class, config::build).getMessage();
        assertTrue(said.contains(setting), said);
    }

    @ParameterizedTest
    @ValueSource(strings = {"h", "h:", "h:0", ":1"})
    @DisplayName("an endpoint that is none is refused")
    void badEndpoint(String endpoint) {
        assertThrows(IllegalArgumentException.class, () -> LoghubTail.builder(endpoint));
    }

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(20, TimeUnit.SECONDS));
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
