package io.loghub.logback;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.core.joran.spi.JoranException;
import ch.qos.logback.core.status.Status;
import io.loghub.testhub.FakeHub;
import io.loghub.testhub.TestPki;
import io.loghub.v1.Batch;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Scope;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.MarkerFactory;
import org.slf4j.helpers.BasicMDCAdapter;

/** What a hub gets of what an application logs, by way of a logback.xml. */
class LoghubAppenderTest {
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final String SPAN = "00f067aa0ba902b7";

    @TempDir
    static Path folder;

    private static TestPki pki;

    private final FakeHub hub = new FakeHub(pki);
    private final LoggerContext context = new LoggerContext();
    private final BasicMDCAdapter mdc = new BasicMDCAdapter();
    private final Logger log = context.getLogger("com.example.Orders");
    private final BlockingQueue<String> status = new LinkedBlockingQueue<>();
    private FakeHub.Stream stream;

    @BeforeAll
    static void issue() {
        pki = new TestPki(folder);
    }

    @AfterEach
    void close() {
        context.stop();
        hub.close();
    }

    private void configure(String endpoint, String extra) {
        String xml = """
                <configuration>
                  <appender name="LOGHUB" class="io.loghub.logback.LoghubAppender">
                    <endpoint>%s</endpoint>
                    <caFile>%s</caFile>
                    <certFile>%s</certFile>
                    <keyFile>%s</keyFile>
                    <service>orders</service>
                    <batchRecords>1</batchRecords>
                    <closeMillis>0</closeMillis>
                    <attribute>deployment.environment.name=test</attribute>
                    %s
                  </appender>
                  <root level="TRACE"><appender-ref ref="LOGHUB"/></root>
                </configuration>
                """.formatted(endpoint, pki.ca(), pki.clientCert(), pki.clientKey(), extra);
        context.setMDCAdapter(mdc);
        context.getStatusManager().add((Status each) -> status.add(each.getMessage()));
        JoranConfigurator joran = new JoranConfigurator();
        joran.setContext(context);
        try {
            joran.doConfigure(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
        } catch (JoranException broken) {
            throw new AssertionError(broken);
        }
    }

    private void connect() {
        configure(hub.endpoint(), "");
        stream = hub.accept();
        stream.hello();
        stream.welcome(0);
    }

    private LogRecord record() {
        return stream.batch().getRecords(0);
    }

    private LoghubAppender appender() {
        return (LoghubAppender) context.getLogger("ROOT").getAppender("LOGHUB");
    }

    private String awaitStatus(String part) {
        try {
            for (String line; (line = status.poll(20, TimeUnit.SECONDS)) != null; ) {
                if (line.contains(part)) {
                    return line;
                }
            }
            throw new AssertionError("no status with '" + part + "'");
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Test
    @DisplayName("an event has time, level, message, logger, thread; its batch has service, host and attributes")
    void plainEvent() {
        connect();
        long before = System.currentTimeMillis();
        log.info("order {} placed", 7);

        Batch batch = stream.batch();
        LogRecord record = batch.getRecords(0);
        assertEquals("order 7 placed", record.getBody());
        assertEquals(Severity.SEVERITY_INFO, record.getSeverity());
        assertEquals("INFO", record.getSeverityText());
        assertEquals("com.example.Orders", record.getLogger());
        assertEquals(Thread.currentThread().getName(), record.getThread());
        assertTrue(record.getTimeUnixNano() / 1_000_000 >= before);
        assertTrue(record.getTimeUnixNano() / 1_000_000 <= System.currentTimeMillis());
        assertEquals("orders", batch.getResource().getService());
        assertFalse(batch.getResource().getHost().isEmpty());
        assertEquals("test", batch.getResource()
                .getAttributesOrThrow("deployment.environment.name")
                .getStringValue());
    }

    @Test
    @DisplayName("the producer id names service and host and is valid")
    void producerId() {
        configure(hub.endpoint(), "<host>my box!</host>");

        String id = hub.accept().hello().getProducerId();
        assertTrue(id.matches("orders-my_box_-[0-9a-f-]{36}"), id);
    }

    @Test
    @DisplayName("levels become severities")
    void levels() {
        connect();
        log.trace("m");
        log.debug("m");
        log.info("m");
        log.warn("m");
        log.error("m");

        for (int severity : new int[] {1, 5, 9, 13, 17}) {
            assertEquals(severity, record().getSeverityValue());
        }
    }

    @Test
    @DisplayName("context, key-value pairs and markers become attributes, typed")
    void attributes() {
        connect();
        mdc.put("user", "ada");
        log.atWarn()
                .addMarker(MarkerFactory.getMarker("AUDIT"))
                .addMarker(MarkerFactory.getMarker("SLOW"))
                .addKeyValue("order_id", 4711L)
                .addKeyValue("amount", 9.5)
                .addKeyValue("paid", true)
                .addKeyValue("nothing", (Object) null)
                .log("m");

        LogRecord record = record();
        assertEquals("ada", record.getAttributesOrThrow("user").getStringValue());
        assertEquals(4711, record.getAttributesOrThrow("order_id").getIntValue());
        assertEquals(9.5, record.getAttributesOrThrow("amount").getDoubleValue());
        assertTrue(record.getAttributesOrThrow("paid").getBoolValue());
        assertEquals(0, record.getAttributesOrThrow("nothing").getSerializedSize());
        assertEquals("AUDIT, SLOW", record.getAttributesOrThrow("marker").getStringValue());
        assertEquals(6, record.getAttributesCount());
    }

    @Test
    @DisplayName("valid trace and span ids of the context become the record's, under either name")
    void traceIds() {
        connect();
        mdc.put("trace_id", TRACE);
        mdc.put("span_id", SPAN.toUpperCase(Locale.ROOT));
        log.info("m");
        mdc.clear();
        mdc.put("traceId", TRACE);
        mdc.put("spanId", SPAN);
        log.info("m");

        for (int i = 0; i < 2; i++) {
            LogRecord record = record();
            assertEquals(TRACE, HexFormat.of().formatHex(record.getTraceId().toByteArray()));
            assertEquals(SPAN, HexFormat.of().formatHex(record.getSpanId().toByteArray()));
            assertEquals(0, record.getAttributesCount());
        }
    }

    @Test
    @DisplayName("the open span of OpenTelemetry gives the ids where the context has none")
    void openTelemetry() {
        connect();
        SpanContext span = SpanContext.create(TRACE, SPAN, TraceFlags.getSampled(), TraceState.getDefault());
        try (Scope scope = Span.wrap(span).makeCurrent()) {
            log.info("m");
            assertTrue(scope != null);
        }
        log.info("m");

        LogRecord inside = record();
        assertEquals(TRACE, HexFormat.of().formatHex(inside.getTraceId().toByteArray()));
        assertEquals(SPAN, HexFormat.of().formatHex(inside.getSpanId().toByteArray()));
        assertTrue(record().getTraceId().isEmpty());
    }

    @Test
    @DisplayName("where it was logged is said only where that is asked for")
    void caller() {
        configure(hub.endpoint(), "<includeCaller>true</includeCaller>");
        stream = hub.accept();
        stream.hello();
        stream.welcome(0);
        log.info("m");

        LogRecord record = record();
        assertEquals(
                LoghubAppenderTest.class.getName() + ".caller",
                record.getAttributesOrThrow("code.function.name").getStringValue());
        assertEquals("LoghubAppenderTest.java", record.getAttributesOrThrow("code.file.path").getStringValue());
        assertTrue(record.getAttributesOrThrow("code.line.number").getIntValue() > 0);
    }

    @Test
    @DisplayName("what changes after it was logged is sent as it was")
    void captured() {
        connect();
        StringBuilder changing = new StringBuilder("before");
        mdc.put("user", "before");
        log.atInfo().addKeyValue("k", changing).log("m");
        changing.replace(0, changing.length(), "after");
        mdc.put("user", "after");

        LogRecord record = record();
        assertEquals("before", record.getAttributesOrThrow("k").getStringValue());
        assertEquals("before", record.getAttributesOrThrow("user").getStringValue());
    }

    @Test
    @DisplayName("with a spool what was logged while the hub was away is sent by the next life of the application")
    void spool() {
        Path spool = folder.resolve("spool");
        int port = hub.port();
        hub.close();
        configure("localhost:" + port, "<spool>" + spool + "</spool>");
        log.info("before");
        context.stop();
        try (FakeHub back = new FakeHub(pki, port, "TLSv1.3")) {
            configure("localhost:" + port, "<spool>" + spool + "</spool>");
            stream = back.accept();
            stream.hello();
            stream.welcome(0);
            assertEquals("before", record().getBody());
            appender().stop();
        }
    }

    @Test
    @DisplayName("an id that is none stays an attribute")
    void invalidTraceIds() {
        connect();
        for (String bad : List.of("", "xyz", TRACE.substring(2), "0".repeat(32), "g".repeat(32), "é".repeat(32))) {
            mdc.put("trace_id", bad);
            mdc.put("span_id", bad);
            log.info("m");

            LogRecord record = record();
            assertTrue(record.getTraceId().isEmpty());
            assertEquals(bad, record.getAttributesOrThrow("trace_id").getStringValue());
            assertEquals(bad, record.getAttributesOrThrow("span_id").getStringValue());
        }
    }

    @Test
    @DisplayName("an exception arrives with its causes and what was suppressed")
    void exceptions() {
        connect();
        IllegalStateException thrown =
                new IllegalStateException("no payment", new IOException("connection reset"));
        thrown.addSuppressed(new ArithmeticException("while closing"));
        log.error("order failed", thrown);

        io.loghub.v1.Exception exception = record().getException();
        assertEquals("java.lang.IllegalStateException", exception.getType());
        assertEquals("no payment", exception.getMessage());
        String trace = exception.getStacktrace();
        assertTrue(trace.startsWith("java.lang.IllegalStateException: no payment\n\t"), trace);
        assertTrue(trace.contains("\tat io.loghub.logback.LoghubAppenderTest.exceptions("), trace);
        assertTrue(trace.contains("Caused by: java.io.IOException: connection reset\n"), trace);
        assertTrue(trace.contains("Suppressed: java.lang.ArithmeticException: while closing\n"), trace);
    }

    @Test
    @DisplayName("hostile objects do not reach the application, and the event arrives")
    void hostileObjects() {
        connect();
        Object hostile = new Object() {
            @Override
            public String toString() {
                throw new IllegalStateException("hostile");
            }
        };
        log.atInfo().addKeyValue("k", hostile).addArgument(hostile).log("value {}");

        LogRecord record = record();
        assertEquals("value [FAILED toString()]", record.getBody());
        assertEquals("[FAILED toString()]", record.getAttributesOrThrow("k").getStringValue());
    }

    @Test
    @DisplayName("an event that cannot be read at all is counted and said, and the next one goes")
    void unreadable() {
        connect();
        context.setMDCAdapter(null);
        log.info("lost");
        context.setMDCAdapter(mdc);
        log.info("next");

        assertEquals("next", record().getBody());
        assertTrue(awaitStatus("loghub could not read an event").contains("com.example.Orders"));
        assertEquals(1, appender().stats().dropped());
    }

    @Test
    @DisplayName("lone surrogates and null messages arrive")
    void oddTexts() {
        connect();
        log.info("x\uD800y");
        log.info(null);

        assertEquals("x\uFFFDy", record().getBody());
        assertTrue(record().getBody().matches("(null)?"));
    }

    @Test
    @DisplayName("fine events of the client's own network code are not sent, or they would never end")
    void ownEvents() {
        connect();
        Logger own = context.getLogger("io.grpc.netty.shaded.io.netty.Channel");
        own.setLevel(Level.TRACE);
        own.debug("begets another");
        own.warn("matters");

        assertEquals("matters", record().getBody());
    }

    @Test
    @DisplayName("with the hub down the application starts and logs, and one status line says so")
    void hubDown() {
        int port = hub.port();
        hub.close();
        configure("localhost:" + port, "");

        log.info("m");

        awaitStatus("cannot reach hub localhost:" + port);
        assertTrue(appender().isStarted());
        assertEquals(1, appender().stats().pending());
    }

    @Test
    @DisplayName("without an endpoint the appender is off and logging goes on")
    void off() {
        configure("", "");

        log.info("m");

        assertEquals("loghub is off: no endpoint is set", awaitStatus("loghub is off"));
        assertNull(appender().stats());
    }

    @Test
    @DisplayName("a setting that cannot be is named in the status, and logging goes on")
    void badSetting() {
        configure("no-port", "");

        log.info("m");

        assertTrue(awaitStatus("loghub is off").contains("host:port"));
    }

    @Test
    @DisplayName("stopping says how many records were not acknowledged")
    void stop() {
        connect();
        log.info("m");
        record();

        appender().stop();

        assertEquals("loghub closed with 1 records that were not acknowledged", awaitStatus("loghub closed"));
        log.info("late");
    }
}
