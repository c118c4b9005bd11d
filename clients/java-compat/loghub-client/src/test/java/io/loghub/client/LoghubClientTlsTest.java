package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.testhub.FakeHub;
import io.loghub.testhub.TestPki;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whom a client trusts, and what it says when it cannot connect. */
class LoghubClientTlsTest {
    @TempDir
    static Path folder;

    private static TestPki pki;
    private static TestPki foreign;

    private final Heard heard = new Heard();

    @BeforeAll
    static void issue() throws IOException {
        pki = new TestPki(Files.createDirectory(folder.resolve("own")));
        foreign = new TestPki(Files.createDirectory(folder.resolve("foreign")));
    }

    private LoghubConfig.Builder config(String endpoint) {
        return LoghubConfig.builder(endpoint)
                .caFile(pki.ca())
                .certFile(pki.clientCert())
                .keyFile(pki.clientKey())
                .backoffMin(Duration.ofMillis(1))
                .backoffMax(Duration.ofMillis(20))
                .closeDeadline(Duration.ZERO)
                .listener(heard);
    }

    @Test
    @DisplayName("a hub of a foreign authority is refused, in words, and tried again")
    void foreignHub() {
        try (FakeHub hub = new FakeHub(foreign);
                LoghubClient client = new LoghubClient(config(hub.endpoint()).build())) {
            String said = heard.await("state cannot reach");

            assertTrue(said.contains(hub.endpoint()), said);
            assertTrue(said.contains("TLS 1.3 failed") && said.contains("ca.pem"), said);
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a hub that does not know the client's authority refuses it, and the client says which file it showed")
    void foreignClient() {
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(config(hub.endpoint())
                        .certFile(foreign.clientCert())
                        .keyFile(foreign.clientKey())
                        .build())) {
            String said = heard.await("state cannot reach");

            assertTrue(said.contains(foreign.clientCert().toString()), said);
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a hub that speaks only TLS 1.2 is refused")
    void oldTls() {
        try (FakeHub hub = new FakeHub(pki, 0, "TLSv1.2");
                LoghubClient client = new LoghubClient(config(hub.endpoint()).build())) {
            String said = heard.await("state cannot reach");

            assertTrue(said.contains("TLS 1.3 failed"), said);
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a PEM file that is not there is named, and taken when it comes")
    void missingFile() throws IOException {
        Path late = folder.resolve("late.key");
        try (FakeHub hub = new FakeHub(pki);
                LoghubClient client = new LoghubClient(config(hub.endpoint()).keyFile(late).build())) {
            String said = heard.await("state cannot connect");
            assertTrue(said.contains("late.key"), said);

            Files.copy(pki.clientKey(), late);

            hub.accept().hello();
            assertEquals(0, client.stats().reconnects());
        }
    }

    @Test
    @DisplayName("a PEM file that is none is said so")
    void garbageFile() throws IOException {
        Path garbage = Files.writeString(folder.resolve("garbage.key"), "not a key");
        try (LoghubClient client = new LoghubClient(config("localhost:1").keyFile(garbage).build())) {
            String said = heard.await("state cannot connect");

            assertTrue(said.contains("garbage.key") && said.contains("PKCS#8"), said);
            assertEquals(0, client.stats().offered());
        }
    }

    @Test
    @DisplayName("a hub that is down at first is said once, and gets the records when it is there")
    void downAtFirst() {
        int port;
        try (FakeHub hub = new FakeHub(pki)) {
            port = hub.port();
        }
        LoghubConfig config = config("localhost:" + port).backoffMax(Duration.ofMillis(2)).build();
        try (LoghubClient client = new LoghubClient(config)) {
            heard.await("state cannot reach");
            assertTrue(client.offer(Records.of("early")));
            try (FakeHub hub = new FakeHub(pki, port, "TLSv1.3")) {
                FakeHub.Stream stream = hub.accept();
                stream.hello();
                stream.welcome(0);

                assertEquals("early", stream.batch().getRecords(0).getBody());
                assertEquals(0, heard.count("state cannot reach hub localhost:" + port + ": UNAVAILABLE"));
            }
        }
    }
}
