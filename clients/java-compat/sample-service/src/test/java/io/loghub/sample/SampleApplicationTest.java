package io.loghub.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.LoggerContext;
import io.loghub.testhub.StoringHub;
import io.loghub.testhub.TestPki;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

class SampleApplicationTest {
    private static final int ENOUGH_RECORDS = 60;

    @TempDir
    Path folder;

    private Map<String, String> settings = Map.of();

    /** Sets what the environment would; both Spring and logback look there too. */
    private void set(Map<String, String> wanted) {
        settings = wanted;
        settings.forEach(System::setProperty);
    }

    @AfterEach
    void unset() {
        settings.keySet().forEach(System::clearProperty);
    }

    private static List<LogRecord> of(List<LogRecord> records, Severity severity) {
        return records.stream()
                .filter(record -> record.getLogger().equals(OrderService.class.getName()))
                .filter(record -> record.getSeverity() == severity)
                .toList();
    }

    @Test
    @DisplayName("what the running service logs reaches the hub: traces, attributes, warnings, stack traces with cause")
    void logsForReal() throws InterruptedException {
        TestPki pki = new TestPki(folder);
        CountDownLatch enough = new CountDownLatch(1);
        try (StoringHub hub = new StoringHub(pki)) {
            hub.onStored(count -> {
                if (count >= ENOUGH_RECORDS) {
                    enough.countDown();
                }
            });
            set(Map.of(
                    "LOGHUB_ENDPOINT", hub.endpoint(),
                    "LOGHUB_CA", pki.ca().toString(),
                    "LOGHUB_CERT", pki.clientCert().toString(),
                    "LOGHUB_KEY", pki.clientKey().toString(),
                    "SAMPLE_LABEL", "acme",
                    "SAMPLE_ORDERS_PER_S", "100"));
            try (ConfigurableApplicationContext context = SpringApplication.run(SampleApplication.class)) {
                assertTrue(context.isActive());
                assertTrue(enough.await(30, TimeUnit.SECONDS));
            } finally {
                ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
            }
            check(hub.stored());
        }
    }

    private static void check(List<LogRecord> records) {
        LogRecord placed = of(records, Severity.SEVERITY_INFO).get(0);
        assertTrue(placed.getBody().matches("order 1 placed: .* EUR \\[acme\\]"), placed.getBody());
        assertEquals(1, placed.getAttributesOrThrow("order_id").getIntValue());
        assertTrue(placed.getAttributesOrThrow("amount").getDoubleValue() >= 5);
        assertEquals(16, placed.getTraceId().size());
        assertEquals(8, placed.getSpanId().size());

        assertFalse(of(records, Severity.SEVERITY_WARN).isEmpty());
        List<LogRecord> errors = of(records, Severity.SEVERITY_ERROR);
        assertTrue(errors.size() >= 2, "errors repeat");
        LogRecord first = errors.get(0);
        assertEquals(3, first.getAttributesOrThrow("order_id").getIntValue());
        assertEquals(PaymentException.class.getName(), first.getException().getType());
        assertTrue(first.getException().getStacktrace().contains("Caused by: java.net.SocketTimeoutException"));
        assertEquals(of(records, Severity.SEVERITY_INFO).stream()
                .filter(record -> record.getBody().startsWith("order 3 placed"))
                .findFirst()
                .orElseThrow()
                .getTraceId(), first.getTraceId(), "one order is one trace");
    }

    @Test
    @DisplayName("without an endpoint the service runs and takes orders on loopback")
    void rest() throws Exception {
        set(Map.of("SAMPLE_ORDERS_PER_S", "0"));
        try (ConfigurableApplicationContext context = SpringApplication.run(SampleApplication.class)) {
            int port = ((ServletWebServerApplicationContext) context).getWebServer().getPort();
            HttpClient http = HttpClient.newHttpClient();
            URI orders = URI.create("http://127.0.0.1:" + port + "/orders");
            HttpRequest.Builder request = HttpRequest.newBuilder(orders).header("Content-Type", "application/json");

            String order = "{\"item\": \"mug\", \"amount\": 7.5}";
            var placed = http.send(request.POST(BodyPublishers.ofString(order)).build(), BodyHandlers.ofString());
            var listed = http.send(request.GET().build(), BodyHandlers.ofString());

            String expected = "{\"id\":1,\"item\":\"mug\",\"amount\":7.5,\"state\":\"CONFIRMED\"}";
            assertEquals(201, placed.statusCode());
            assertEquals(expected, placed.body());
            assertEquals("[" + expected + "]", listed.body());
        }
    }
}
