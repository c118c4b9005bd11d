package io.loghub.compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubConfig;
import io.loghub.client.Values;
import io.loghub.testhub.StoringHub;
import io.loghub.testhub.TestPki;
import io.loghub.v1.LogRecord;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Half a character, which Java's strings can hold and UTF-8 cannot. */
class SurrogatesTest {
    private static final String HALF = "a\uD83Db";

    @TempDir
    Path folder;

    @Test
    @DisplayName("protobuf by itself sends a question mark, which nobody can tell from one that was meant")
    void stubs() {
        byte[] sent = LogRecord.newBuilder().setBody(HALF).build().toByteArray();

        assertArrayEquals("*\u0003a?b".getBytes(StandardCharsets.UTF_8), sent);
    }

    @Test
    @DisplayName("the client sends U+FFFD, in every string of a record")
    void client() {
        TestPki pki = new TestPki(folder);
        try (StoringHub hub = new StoringHub(pki)) {
            LoghubConfig config = LoghubConfig.builder(hub.endpoint())
                    .caFile(pki.ca()).certFile(pki.clientCert()).keyFile(pki.clientKey()).service("orders").build();
            try (LoghubClient client = new LoghubClient(config)) {
                client.offer(LogRecord.newBuilder()
                        .setBody(HALF)
                        .setThread(HALF)
                        .putAttributes(HALF, Values.of(HALF))
                        .build());
                assertEquals(0, client.close(Duration.ofSeconds(50)));
            }
            LogRecord stored = hub.stored().get(0);

            String whole = "a\uFFFDb";
            assertEquals(whole, stored.getBody());
            assertEquals(whole, stored.getThread());
            assertEquals(whole, stored.getAttributesOrThrow(whole).getStringValue());
        }
    }
}
