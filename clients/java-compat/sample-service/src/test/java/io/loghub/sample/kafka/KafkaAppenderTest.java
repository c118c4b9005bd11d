package io.loghub.sample.kafka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import co.elastic.logging.logback.EcsEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The appender on the producer that Kafka brings for tests. */
class KafkaAppenderTest {
    private final LoggerContext context = new LoggerContext();
    private final Logger logger = context.getLogger("com.example.Orders");
    private final CountDownLatch letGo = new CountDownLatch(1);
    private final CountDownLatch entered = new CountDownLatch(1);

    @AfterEach
    void stop() {
        letGo.countDown();
        context.stop();
    }

    private final class Brokers extends MockProducer<byte[], byte[]> {
        private final boolean slow;

        private Brokers(boolean slow) {
            super(true, null, new ByteArraySerializer(), new ByteArraySerializer());
            this.slow = slow;
        }

        @Override
        public Future<RecordMetadata> send(ProducerRecord<byte[], byte[]> record, Callback callback) {
            entered.countDown();
            try {
                if (slow && !letGo.await(20, TimeUnit.SECONDS)) {
                    throw new KafkaException("nobody let go");
                }
            } catch (InterruptedException interrupted) {
                throw new AssertionError(interrupted);
            }
            return super.send(record, callback);
        }
    }

    private KafkaAppender appender(MockProducer<byte[], byte[]> producer) {
        return started(new KafkaAppender(settings -> {
            assertEquals("h:1", settings.get("bootstrap.servers"));
            assertEquals("all", settings.get("acks"));
            return producer;
        }));
    }

    private KafkaAppender started(KafkaAppender appender) {
        context.setMDCAdapter(new LogbackMDCAdapter());
        EcsEncoder encoder = new EcsEncoder();
        encoder.setServiceName("orders");
        encoder.setContext(context);
        encoder.start();
        appender.setContext(context);
        appender.setEncoder(encoder);
        appender.setBrokers("h:1");
        appender.setTopic("app-logs.acme");
        appender.setKey("orders");
        appender.setQueueSize(4);
        appender.start();
        logger.addAppender(appender);
        return appender;
    }

    @Test
    @DisplayName("an event is a message of ECS JSON, with key, MDC and stack trace")
    void ecs() {
        MockProducer<byte[], byte[]> brokers = new Brokers(false);
        KafkaAppender appender = appender(brokers);

        context.getMDCAdapter().put("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
        logger.error("order {} failed", 7, new IllegalStateException("outer", new RuntimeException("inner")));
        context.getMDCAdapter().clear(); // before the appender's thread has encoded it, or after
        appender.stop();

        assertEquals(1, brokers.history().size());
        ProducerRecord<byte[], byte[]> message = brokers.history().get(0);
        assertEquals("app-logs.acme", message.topic());
        assertEquals("orders", new String(message.key(), StandardCharsets.UTF_8));
        String json = new String(message.value(), StandardCharsets.UTF_8);
        for (String part : List.of(
                "\"message\":\"order 7 failed\"",
                "\"log.level\":\"ERROR\"",
                "\"service.name\":\"orders\"",
                "\"log.logger\":\"com.example.Orders\"",
                "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"",
                "Caused by: java.lang.RuntimeException: inner")) {
            assertTrue(json.contains(part), part + " in " + json);
        }
        assertEquals(1, appender.acked());
        assertEquals(0, appender.dropped());
        assertTrue(brokers.closed());
    }

    @Test
    @DisplayName("brokers that take nothing do not hold up the application; what is over the queue is counted and said")
    void slowBrokers() throws InterruptedException {
        MockProducer<byte[], byte[]> brokers = new Brokers(true);
        KafkaAppender appender = appender(brokers);
        logger.info("first");
        assertTrue(entered.await(20, TimeUnit.SECONDS));

        for (int i = 0; i < 10; i++) {
            logger.info("more {}", i);
        }
        assertEquals(6, appender.dropped());
        letGo.countDown();
        appender.stop();

        assertEquals(5, appender.acked());
        assertEquals(5, brokers.history().size());
        assertTrue(context.getStatusManager().getCopyOfStatusList().stream()
                .anyMatch(status -> status.getMessage().equals("6 events could not be written to Kafka")));
    }

    @Test
    @DisplayName("settings that cannot be used are said once and tried again, and events wait meanwhile")
    void unusableAtFirst() {
        MockProducer<byte[], byte[]> brokers = new Brokers(false);
        int[] tries = {0};
        KafkaAppender appender = started(new KafkaAppender(settings -> {
            if (tries[0]++ == 0) {
                throw new KafkaException("no resolvable bootstrap urls");
            }
            return brokers;
        }));
        logger.info("early");
        appender.stop();

        assertEquals(1, brokers.history().size());
        assertTrue(context.getStatusManager().getCopyOfStatusList().stream()
                .anyMatch(status -> status.getMessage().contains("no resolvable bootstrap urls")));
    }

    @Test
    @DisplayName("without brokers it is off, and says nothing about events")
    void off() {
        KafkaAppender appender = new KafkaAppender(settings -> {
            throw new AssertionError(Map.copyOf(settings).toString());
        });
        appender.setContext(context);
        appender.start();
        logger.addAppender(appender);
        logger.info("nobody");
        appender.stop();

        assertEquals(0, appender.dropped());
        assertNull(context.getStatusManager().getCopyOfStatusList().stream()
                .filter(status -> status.getLevel() > ch.qos.logback.core.status.Status.INFO)
                .findFirst()
                .orElse(null));
    }
}
