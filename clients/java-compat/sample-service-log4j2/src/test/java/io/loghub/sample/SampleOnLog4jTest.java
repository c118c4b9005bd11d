package io.loghub.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.nio.file.Path;
import org.apache.logging.log4j.LogManager;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SampleOnLog4jTest {
    @Test
    @DisplayName("what the service logs by Log4j reaches the hub alike, but SLF4J's pairs come by the MDC, as text")
    void logsForReal(@TempDir Path folder) throws InterruptedException {
        LoggedOrders orders = LoggedOrders.run(folder, LogManager::shutdown);

        orders.check();
        LogRecord placed = orders.of(Severity.SEVERITY_INFO).get(0);
        assertEquals("1", placed.getAttributesOrThrow("order_id").getStringValue());
        assertTrue(Double.parseDouble(placed.getAttributesOrThrow("amount").getStringValue()) >= 5);
        LogRecord failed = orders.of(Severity.SEVERITY_ERROR).get(0);
        assertEquals("3", failed.getAttributesOrThrow("order_id").getStringValue());
    }
}
