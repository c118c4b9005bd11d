package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.client.internal.Endpoint;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoghubConfigTest {
    private static LoghubConfig.Builder builder() {
        return LoghubConfig.builder("h:1").caFile(Path.of("a")).certFile(Path.of("b")).keyFile(Path.of("c"));
    }

    private static void refused(String setting, UnaryOperator<LoghubConfig.Builder> change) {
        LoghubConfig.Builder changed = change.apply(builder());
        String message =
                assertThrows(IllegalArgumentException.class, changed::build).getMessage();
        assertTrue(message.contains(setting), message);
    }

    @Test
    @DisplayName("host:port is read, IPv6 in brackets")
    void endpoints() {
        assertEquals(new Endpoint("h.example", 4317), Endpoint.parse("h.example:4317"));
        assertEquals(new Endpoint("::1", 4317), Endpoint.parse("[::1]:4317"));
        assertEquals("[::1]:4317", Endpoint.parse("[::1]:4317").toString());
    }

    @ParameterizedTest(name = "\"{0}\" is refused")
    @ValueSource(strings = {"", "h", "h:", ":1", "h:0", "h:65536", "h:x", "::1:4317", "http://h:1", "[]:1"})
    void badEndpoints(String text) {
        String message = assertThrows(IllegalArgumentException.class, () -> LoghubConfig.builder(text)).getMessage();
        assertTrue(message.contains("host:port"), message);
    }

    @Test
    @DisplayName("a setting that cannot be is named")
    void badSettings() {
        refused("producerId", b -> b.producerId(""));
        refused("producerId", b -> b.producerId("a b"));
        refused("producerId", b -> b.producerId("a".repeat(129)));
        refused("batchRecords", b -> b.batchRecords(0));
        refused("maxRecordBytes", b -> b.maxRecordBytes(1));
        refused("maxRecordBytes", b -> b.maxRecordBytes(1 << 20));
        refused("queueBytes", b -> b.queueBytes(1 << 19));
        refused("linger", b -> b.linger(Duration.ofNanos(-1)));
        refused("backoffMin", b -> b.backoffMin(Duration.ofMinutes(1)));
        refused("backoffMin", b -> b.backoffMin(Duration.ZERO));
        refused("ack", b -> b.ackDeadline(Duration.ZERO));
        refused("deadlines", b -> b.closeDeadline(Duration.ofNanos(-1)));
        refused("spoolBytes", b -> b.spoolBytes(1 << 20));
        refused("spoolSync", b -> b.spoolSync(Duration.ofNanos(-1)));
        refused("reloadInterval", b -> b.reloadInterval(Duration.ZERO));
        refused("keyStore", b -> b.keyStore(Path.of("s.p12"), Path.of("s.password")));
        refused("trustStore", b -> b.trustStore(Path.of("t.p12"), Path.of("t.password")));
        refused("spiffe://", b -> b.serverSpiffeId("hub"));
    }

    @Test
    @DisplayName("a file that is not set is named")
    void missingFile() {
        String message = assertThrows(NullPointerException.class, () -> LoghubConfig.builder("h:1").build())
                .getMessage();
        assertTrue(message.contains("caFile"), message);
    }

    @Test
    @DisplayName("producer ids are made up one for each client")
    void randomProducerIds() {
        try (LoghubClient one = new LoghubClient(builder().closeDeadline(Duration.ZERO).build());
                LoghubClient other = new LoghubClient(builder().closeDeadline(Duration.ZERO).build())) {
            assertNotEquals(one.producerId(), other.producerId());
        }
    }

    @Test
    @DisplayName("a built configuration stays as it is, whatever the builder is told later")
    void immutable() {
        LoghubConfig.Builder builder = builder().service("a").attribute("k", 1);
        LoghubConfig config = builder.build();
        builder.service("b").attribute("k", 2);

        assertEquals("a", config.service());
        assertEquals(Map.of("k", 1), config.attributes());
    }
}
