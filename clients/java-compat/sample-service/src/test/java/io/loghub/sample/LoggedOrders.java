package io.loghub.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.testhub.StoringHub;
import io.loghub.testhub.TestPki;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;

/** What a hub got of a service that ran for some orders, whatever it logs with. */
final class LoggedOrders {
    private static final int ENOUGH_RECORDS = 60;

    private final List<LogRecord> records;

    private LoggedOrders(List<LogRecord> records) {
        this.records = records;
    }

    /**
     * Runs the service until a hub has enough of it.
     *
     * @param folder where certificates may be put
     * @param endLogging ends what it logs with, which the service leaves open for its own last words
     */
    static LoggedOrders run(Path folder, Runnable endLogging) throws InterruptedException {
        TestPki pki = new TestPki(folder);
        CountDownLatch enough = new CountDownLatch(1);
        try (StoringHub hub = new StoringHub(pki)) {
            hub.onStored(count -> {
                if (count >= ENOUGH_RECORDS) {
                    enough.countDown();
                }
            });
            Settings settings = new Settings(Map.of(
                    "LOGHUB_ENDPOINT", hub.endpoint(),
                    "LOGHUB_CA", pki.ca().toString(),
                    "LOGHUB_CERT", pki.clientCert().toString(),
                    "LOGHUB_KEY", pki.clientKey().toString(),
                    "SAMPLE_LABEL", "acme",
                    "SAMPLE_ORDERS_PER_S", "100"));
            try (settings;
                    ConfigurableApplicationContext context = SpringApplication.run(SampleApplication.class)) {
                assertTrue(context.isActive());
                assertTrue(enough.await(30, TimeUnit.SECONDS));
            } finally {
                endLogging.run();
            }
            return new LoggedOrders(hub.stored());
        }
    }

    /** Returns what the service's own code logged at a level. */
    List<LogRecord> of(Severity severity) {
        return records.stream()
                .filter(record -> record.getLogger().equals(OrderService.class.getName()))
                .filter(record -> record.getSeverity() == severity)
                .toList();
    }

    /** Checks all but the attributes, which are not the same in every logging system. */
    void check() {
        LogRecord placed = of(Severity.SEVERITY_INFO).get(0);
        assertTrue(placed.getBody().matches("order 1 placed: .* EUR \\[acme\\]"), placed.getBody());
        assertEquals(16, placed.getTraceId().size());
        assertEquals(8, placed.getSpanId().size());

        assertFalse(of(Severity.SEVERITY_WARN).isEmpty());
        List<LogRecord> errors = of(Severity.SEVERITY_ERROR);
        assertTrue(errors.size() >= 2, "errors repeat");
        LogRecord first = errors.get(0);
        assertEquals("order 3 failed [acme]", first.getBody());
        assertEquals(PaymentException.class.getName(), first.getException().getType());
        assertTrue(first.getException().getStacktrace().contains("Caused by: java.net.SocketTimeoutException"));
        assertEquals(of(Severity.SEVERITY_INFO).stream()
                .filter(record -> record.getBody().startsWith("order 3 placed"))
                .findFirst()
                .orElseThrow()
                .getTraceId(), first.getTraceId(), "one order is one trace");
    }

    /** What the environment would hold; Spring and what it logs with look at system properties too. */
    record Settings(Map<String, String> values) implements AutoCloseable {
        Settings {
            values.forEach(System::setProperty);
        }

        @Override
        public void close() {
            values.keySet().forEach(System::clearProperty);
        }
    }
}
