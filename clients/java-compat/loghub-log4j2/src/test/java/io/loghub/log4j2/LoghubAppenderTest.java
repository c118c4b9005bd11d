package io.loghub.log4j2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.Logger;
import org.apache.logging.log4j.Marker;
import org.apache.logging.log4j.MarkerManager;
import org.apache.logging.log4j.ThreadContext;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.ConfigurationSource;
import org.apache.logging.log4j.core.config.xml.XmlConfiguration;
import org.apache.logging.log4j.message.StringMapMessage;
import org.apache.logging.log4j.status.StatusConsoleListener;
import org.apache.logging.log4j.status.StatusData;
import org.apache.logging.log4j.status.StatusLogger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a hub gets of what an application logs, by way of a log4j2.xml. */
class LoghubAppenderTest {
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final String SPAN = "00f067aa0ba902b7";

    @TempDir
    static Path folder;

    private static TestPki pki;

    private final FakeHub hub = new FakeHub(pki);
    private final LoggerContext context = new LoggerContext("test");
    private final BlockingQueue<String> status = new LinkedBlockingQueue<>();
    private final StatusConsoleListener listener = new StatusConsoleListener(Level.INFO) {
        @Override
        public void log(StatusData data) {
            status.add(data.getMessage().getFormattedMessage());
        }
    };
    private Logger log;
    private FakeHub.Stream stream;

    @BeforeAll
    static void issue() {
        pki = new TestPki(folder);
    }

    @AfterEach
    void close() {
        ThreadContext.clearAll();
        context.stop();
        StatusLogger.getLogger().removeListener(listener);
        hub.close();
    }

    private void configure(String endpoint, String extra) {
        String xml = """
                <Configuration>
                  <Appenders>
                    <Loghub name="LOGHUB" endpoint="%s" caFile="%s" certFile="%s" keyFile="%s" service="orders"
                            batchRecords="1" closeMillis="0" %s>
                      <Property name="deployment.environment.name" value="test"/>
                    </Loghub>
                  </Appenders>
                  <Loggers><Root level="TRACE"><AppenderRef ref="LOGHUB"/></Root></Loggers>
                </Configuration>
                """.formatted(endpoint, pki.ca(), pki.clientCert(), pki.clientKey(), extra);
        StatusLogger.getLogger().registerListener(listener);
        try {
            ByteArrayInputStream bytes = new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8));
            context.start(new XmlConfiguration(context, new ConfigurationSource(bytes)));
        } catch (IOException impossible) {
            throw new AssertionError(impossible);
        }
        log = context.getLogger("com.example.Orders");
    }

    private void connect(String extra) {
        configure(hub.endpoint(), extra);
        stream = hub.accept();
        stream.hello();
        stream.welcome(0);
    }

    private LogRecord record() {
        return stream.batch().getRecords(0);
    }

    private LoghubAppender appender() {
        return context.getConfiguration().getAppender("LOGHUB");
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
        connect("");
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
        assertEquals(0, record.getAttributesCount());
        assertEquals("orders", batch.getResource().getService());
        assertFalse(batch.getResource().getHost().isEmpty());
        assertEquals("test", batch.getResource()
                .getAttributesOrThrow("deployment.environment.name")
                .getStringValue());
    }

    @Test
    @DisplayName("levels become severities, custom ones that of the next finer level")
    void levels() {
        connect("");
        for (String level : new String[] {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}) {
            log.log(Level.valueOf(level), "m");
        }
        log.log(Level.forName("NOTICE", 350), "m");

        for (int severity : new int[] {1, 5, 9, 13, 17, 21, 9}) {
            assertEquals(severity, record().getSeverityValue());
        }
    }

    @Test
    @DisplayName("context, the fields of a map message and markers with their parents become attributes")
    void attributes() {
        connect("");
        ThreadContext.put("user", "ada");
        Marker marker = MarkerManager.getMarker("SLOW").addParents(MarkerManager.getMarker("AUDIT"));
        log.warn(marker, new StringMapMessage(Map.of("order_id", "4711")));
        ThreadContext.put("user", "later");

        LogRecord record = record();
        assertEquals("ada", record.getAttributesOrThrow("user").getStringValue());
        assertEquals("4711", record.getAttributesOrThrow("order_id").getStringValue());
        assertEquals("SLOW, AUDIT", record.getAttributesOrThrow("marker").getStringValue());
        assertEquals(3, record.getAttributesCount());
    }

    @Test
    @DisplayName("trace and span ids come from the context, or else from the span of OpenTelemetry that is open")
    void traceIds() {
        connect("");
        SpanContext span = SpanContext.create(
                "1" + TRACE.substring(1), "1" + SPAN.substring(1), TraceFlags.getSampled(), TraceState.getDefault());
        try (Scope scope = Span.wrap(span).makeCurrent()) {
            log.info("m");
            ThreadContext.put("trace_id", TRACE);
            ThreadContext.put("span_id", SPAN);
            log.info("m");
            assertTrue(scope != null);
        }
        ThreadContext.clearAll();
        log.info("m");

        for (String first : new String[] {"1", "4"}) {
            LogRecord record = record();
            assertEquals(first + TRACE.substring(1), HexFormat.of().formatHex(record.getTraceId().toByteArray()));
            assertEquals(SPAN.substring(1), HexFormat.of().formatHex(record.getSpanId().toByteArray()).substring(1));
            assertEquals(0, record.getAttributesCount());
        }
        assertTrue(record().getTraceId().isEmpty());
    }

    @Test
    @DisplayName("an exception arrives with its causes and what was suppressed")
    void exceptions() {
        connect("");
        IllegalStateException thrown = new IllegalStateException("no payment", new IOException("connection reset"));
        thrown.addSuppressed(new ArithmeticException("while closing"));
        log.error("order failed", thrown);

        io.loghub.v1.Exception exception = record().getException();
        assertEquals("java.lang.IllegalStateException", exception.getType());
        assertEquals("no payment", exception.getMessage());
        String trace = exception.getStacktrace();
        assertTrue(trace.startsWith("java.lang.IllegalStateException: no payment\n\t"), trace);
        assertTrue(trace.contains("\tat io.loghub.log4j2.LoghubAppenderTest.exceptions("), trace);
        assertTrue(trace.contains("Caused by: java.io.IOException: connection reset\n"), trace);
        assertTrue(trace.contains("Suppressed: java.lang.ArithmeticException: while closing\n"), trace);
    }

    @Test
    @DisplayName("where it was logged is said only where that is asked for")
    void caller() {
        connect("includeCaller='true'");
        log.info("m");

        LogRecord record = record();
        assertEquals(
                LoghubAppenderTest.class.getName() + ".caller",
                record.getAttributesOrThrow("code.function.name").getStringValue());
        assertEquals("LoghubAppenderTest.java", record.getAttributesOrThrow("code.file.path").getStringValue());
        assertTrue(record.getAttributesOrThrow("code.line.number").getIntValue() > 0);
    }

    @Test
    @DisplayName("hostile objects do not reach the application, and the event arrives")
    void hostileObjects() {
        connect("");
        Object hostile = new Object() {
            @Override
            public String toString() {
                throw new IllegalStateException("hostile");
            }
        };
        RuntimeException thrown = new RuntimeException() {
            private static final long serialVersionUID = 1;

            @Override
            public String getMessage() {
                throw new IllegalStateException("hostile");
            }
        };
        log.info("value {}", hostile);
        log.info("thrown", thrown);

        assertTrue(record().getBody().startsWith("value [!!!"), "Log4j's own words");
        assertEquals("[FAILED toString()]", record().getException().getMessage());
    }

    @Test
    @DisplayName("a record over the limit is cut, and marked")
    void cut() {
        connect("maxRecordBytes='2048'");
        log.info("x".repeat(10_000));

        LogRecord record = record();
        assertTrue(record.getSerializedSize() <= 2048);
        assertTrue(record.getBody().endsWith("…[cut by loghub]"));
    }

    @Test
    @DisplayName("with the hub down the application starts and logs, and one status line says so")
    void hubDown() {
        int port = hub.port();
        hub.close();
        configure("localhost:" + port, "");

        log.info("m");

        awaitStatus("cannot reach hub localhost:" + port);
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
        configure(hub.endpoint(), "queuePolicy='SOMETIMES'");

        log.info("m");

        assertTrue(awaitStatus("loghub is off").contains("SOMETIMES"));
    }

    @Test
    @DisplayName("stopping says how many records were not acknowledged")
    void stop() {
        connect("");
        log.info("m");
        record();

        LoghubAppender appender = appender();
        appender.stop();

        assertEquals("loghub closed with 1 records that were not acknowledged", awaitStatus("loghub closed"));
        assertNull(appender.stats());
    }
}
