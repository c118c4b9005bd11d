package io.loghub.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.LoggerContext;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.context.ConfigurableApplicationContext;

class SampleApplicationTest {
    @Test
    @DisplayName("what the running service logs reaches the hub: traces, attributes, warnings, stack traces with cause")
    void logsForReal(@TempDir Path folder) throws InterruptedException {
        LoggerContext logback = (LoggerContext) LoggerFactory.getILoggerFactory();
        LoggedOrders orders = LoggedOrders.run(folder, logback::stop);

        orders.check();
        LogRecord placed = orders.of(Severity.SEVERITY_INFO).get(0);
        assertEquals(1, placed.getAttributesOrThrow("order_id").getIntValue());
        assertTrue(placed.getAttributesOrThrow("amount").getDoubleValue() >= 5);
        LogRecord failed = orders.of(Severity.SEVERITY_ERROR).get(0);
        assertEquals(3, failed.getAttributesOrThrow("order_id").getIntValue());
    }

    @Test
    @DisplayName("without an endpoint the service runs and takes orders on loopback")
    void rest() throws Exception {
        LoggedOrders.Settings settings = new LoggedOrders.Settings(Map.of("SAMPLE_ORDERS_PER_S", "0"));
        try (settings;
                ConfigurableApplicationContext context = SpringApplication.run(SampleApplication.class)) {
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
