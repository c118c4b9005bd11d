package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.testhub.FakeHub;
import io.loghub.testhub.FakeHub.Stream;
import io.loghub.testhub.TestPki;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In what forms a client's identity and trust may come, and what happens when the files change. */
class RenewalTest {
    private static final String HUB_ID = "spiffe://test/hub";

    @TempDir
    Path folder;

    private final Heard heard = new Heard();
    private TestPki pki;

    @BeforeEach
    void issue() {
        pki = new TestPki(folder);
    }

    private LoghubConfig.Builder bare(FakeHub hub) {
        return LoghubConfig.builder(hub.endpoint())
                .batchRecords(1)
                .backoffMin(Duration.ofMillis(1))
                .backoffMax(Duration.ofMinutes(10))
                .reloadInterval(Duration.ofMillis(20))
                .closeDeadline(Duration.ZERO)
                .listener(heard);
    }

    private LoghubConfig.Builder pem(FakeHub hub) {
        return bare(hub).caFile(pki.ca()).certFile(pki.clientCert()).keyFile(pki.clientKey());
    }

    @Test
    @DisplayName("key and trust may come as PKCS#12, and a wrong password is said until it is right")
    void pkcs12() throws IOException {
        Path store = pki.clientStore("secret");
        Path trust = pki.trustStore("other");
        Path password = TestPki.passwordOf(store);
        Files.writeString(password, "wrong");
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(
                        bare(hub).keyStore(store, password).trustStore(trust, TestPki.passwordOf(trust)).build())) {
            String said = heard.await("state cannot connect");
            assertTrue(said.contains("client.p12"), said);

            Files.writeString(password, "secret\n");
            hub.accept().hello();
            assertEquals(0, client.stats().offered());
        }
    }

    @Test
    @DisplayName("a renewed certificate is taken up while the stream lasts, and what was open is sent again")
    void renewal() {
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub).build())) {
            Stream first = hub.accept();
            first.hello();
            first.welcome(0);
            client.offer(Records.of("a"));
            first.batch();

            pki.renewClient("spiffe://test/tenant/acme/producer/java-2");

            Stream second = hub.accept();
            assertEquals(1, second.hello().getNextSeq());
            second.welcome(0);
            assertEquals(List.of("a"), Records.bodies(second.batch()));
            heard.await("state the files were renewed");
        }
    }

    @Test
    @DisplayName("a renewal that cannot be used leaves the connection as it is, and says so")
    void brokenRenewal() throws IOException {
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub).build())) {
            Stream stream = hub.accept();
            stream.hello();
            stream.welcome(0);

            Files.writeString(pki.clientCert(), "half a certif");

            heard.await("state the renewed files cannot be used");
            client.offer(Records.of("a"));
            assertEquals(List.of("a"), Records.bodies(stream.batch()));
        }
    }

    @Test
    @DisplayName("a hub with the expected SPIFFE id is trusted whatever its host; one with another is named, and tried "
            + "slowly")
    void spiffe() {
        pki.nameServer("spiffe://test/other");
        try (FakeHub other = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(other).serverSpiffeId(HUB_ID).build())) {
            String said = heard.await("state cannot reach");
            assertTrue(said.contains("expected: " + HUB_ID + ", issued by an authority in " + pki.ca()), said);
            assertTrue(said.contains("found spiffe://test/other issued by CN=test root, valid until "), said);
            assertTrue(said.endsWith("trying again slowly, or when the files change"), said);
            assertEquals(0, client.stats().reconnects());
        }
        pki.nameServer(HUB_ID);
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub).serverSpiffeId(HUB_ID).build())) {
            hub.accept().hello();
            assertEquals(0, client.stats().reconnects());
        }
        pki.nameServer(HUB_ID, "spiffe://test/second");
        try (FakeHub two = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(two).serverSpiffeId(HUB_ID).build())) {
            assertTrue(heard.await("state cannot reach").contains("spiffe://test/second"));
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a SPIFFE id helps no hub of a foreign authority, and without one the host is what counts")
    void spiffeIsNotEnough() throws IOException {
        TestPki foreign = new TestPki(Files.createDirectory(folder.resolve("foreign")));
        foreign.nameServer(HUB_ID);
        try (FakeHub hub = new FakeHub(foreign);
                LoghubClient client = new LoghubClient(pem(hub).serverSpiffeId(HUB_ID).build())) {
            assertTrue(heard.await("state cannot reach").contains("TLS 1.3 failed"));
            assertEquals(0, client.stats().reconnects());
        }
        pki.nameServer(HUB_ID);
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub).build())) {
            String said = heard.await("state cannot reach");
            assertTrue(said.contains("expected: for localhost, issued by"), said);
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a handshake that is cut short is no distrust: it is tried again soon")
    void cutHandshake() throws IOException {
        try (ServerSocket network = new ServerSocket(0, 50, InetAddress.getByName("localhost"))) {
            network.setSoTimeout(20_000);
            LoghubConfig config = LoghubConfig.builder("localhost:" + network.getLocalPort())
                    .caFile(pki.ca())
                    .certFile(pki.clientCert())
                    .keyFile(pki.clientKey())
                    .backoffMin(Duration.ofMillis(1))
                    .backoffMax(Duration.ofMinutes(10))
                    .closeDeadline(Duration.ZERO)
                    .listener(heard)
                    .build();
            try (LoghubClient client = new LoghubClient(config)) {
                for (int i = 0; i < 3; i++) {
                    try (Socket half = network.accept()) {
                        assertTrue(half.getInputStream().read() >= 0, "it says hello");
                    }
                }
                assertTrue(heard.await("state cannot reach").endsWith("; trying again"));
                assertEquals(0, client.stats().reconnects());
            }
        }
    }

    @Test
    @DisplayName("a client that the hub does not trust is said who it is, and tries slowly")
    void distrusted() throws IOException {
        TestPki foreign = new TestPki(Files.createDirectory(folder.resolve("foreign")));
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub)
                        .certFile(foreign.clientCert())
                        .keyFile(foreign.clientKey())
                        .build())) {
            String said = heard.await("state cannot reach");
            assertTrue(said.contains("spiffe://test/tenant/acme/producer/java issued by CN=test root"), said);
            assertTrue(said.endsWith("; trying again slowly, or when the files change"), said);
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a token goes with the stream, and a new one with the next")
    void token() throws IOException {
        Path token = Files.writeString(folder.resolve("token"), "a.b.c\n");
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub).tokenFile(token).build())) {
            Stream first = hub.accept();
            assertEquals("Bearer a.b.c", first.authorization());
            first.hello();
            first.welcome(0);
            Files.writeString(token, "d.e.f.g");
            assertEquals("Bearer d.e.f.g", hub.accept().authorization());
            assertEquals(0, client.stats().offered());
        }
    }

    @Test
    @DisplayName("a token file without a token is said, and the token taken when it comes")
    void noToken() throws IOException {
        Path token = Files.writeString(folder.resolve("token"), "two words");
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(pem(hub).tokenFile(token).build())) {
            assertTrue(heard.await("state cannot connect").contains("holds no token"));
            Files.writeString(token, "a.b.c");
            assertEquals("Bearer a.b.c", hub.accept().authorization());
            assertEquals(0, client.stats().offered());
        }
    }
}
