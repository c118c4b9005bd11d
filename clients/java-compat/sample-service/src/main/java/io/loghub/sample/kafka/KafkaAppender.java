package io.loghub.sample.kafka;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import ch.qos.logback.core.encoder.Encoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes events to a Kafka topic, a message each, as its encoder makes them. Never throws into the application and never
 * makes it wait: Kafka's own client does, for a topic it does not know yet or a full buffer, so a thread of the
 * appender's own calls it.
 *
 * <p>What had to be dropped is counted, and said in logback's status once a second at most. Whoever uses it must keep
 * the loggers of {@code org.apache.kafka} away from it, or Kafka's events beget further ones without end.
 */
public final class KafkaAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private static final long WARN_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long IDLE_MILLIS = 100;
    private static final long CLOSE_MILLIS = 5_000;

    private final Function<Map<String, Object>, Producer<byte[], byte[]>> connect;
    private final AtomicLong dropped = new AtomicLong();
    private final AtomicLong acked = new AtomicLong();
    private String brokers = "";
    private String topic = "";
    private String key = "";
    private int queueSize = 10_000;
    private Encoder<ILoggingEvent> encoder;
    // When it is full, the newest event is dropped.
    private BlockingQueue<ILoggingEvent> queue;
    private Thread thread;
    private volatile long stopBy;
    private long warnedAt = System.nanoTime() - WARN_NANOS;
    private long warned;

    /** Is made by logback. */
    public KafkaAppender() {
        this(KafkaProducer::new);
    }

    KafkaAppender(Function<Map<String, Object>, Producer<byte[], byte[]>> connect) {
        this.connect = connect;
    }

    /** Addresses of brokers as {@code host:port}, parted by commas; empty: the appender is off. */
    public void setBrokers(String addresses) {
        brokers = addresses;
    }

    public void setTopic(String name) {
        topic = name;
    }

    /** What decides on the partition: events with one key keep their order. */
    public void setKey(String text) {
        key = text;
    }

    /** Most events that wait to be sent; default 10,000. */
    public void setQueueSize(int events) {
        queueSize = events;
    }

    public void setEncoder(Encoder<ILoggingEvent> maker) {
        encoder = maker;
    }

    /** Returns how many events were dropped so far. */
    public long dropped() {
        return dropped.get();
    }

    /** Returns how many events the brokers have. */
    public long acked() {
        return acked.get();
    }

    @Override
    public void start() {
        super.start(); // also when it is off: logback would warn of every event otherwise
        if (brokers.isBlank()) {
            addInfo("no brokers are set: nothing is written to Kafka");
            return;
        }
        if (topic.isBlank() || encoder == null) {
            addError("nothing is written to Kafka: topic and encoder must be set");
            return;
        }
        queue = new ArrayBlockingQueue<>(queueSize);
        thread = new Thread(this::run, "kafka-appender");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    protected void append(ILoggingEvent event) {
        if (queue != null) {
            event.prepareForDeferredProcessing();
            if (!queue.offer(event)) {
                dropped.incrementAndGet();
            }
        }
    }

    /** Sends what is queued, within five seconds. */
    @Override
    public void stop() {
        super.stop();
        if (thread == null) {
            return;
        }
        stopBy = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLOSE_MILLIS);
        try {
            thread.join(CLOSE_MILLIS);
            if (thread.isAlive()) {
                thread.interrupt(); // a send that waits for brokers ends by it
            }
        } catch (InterruptedException interrupted) {
            thread.interrupt();
            Thread.currentThread().interrupt();
        }
        queue.clear();
    }

    private void run() {
        try (Producer<byte[], byte[]> producer = connect()) {
            while (isStarted() || !queue.isEmpty()) {
                ILoggingEvent event = queue.poll(IDLE_MILLIS, TimeUnit.MILLISECONDS);
                if (event != null) {
                    send(producer, event);
                }
                sayDrops();
            }
            long left = TimeUnit.NANOSECONDS.toMillis(stopBy - System.nanoTime());
            producer.close(Duration.ofMillis(Math.max(1, left)));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        sayDrops();
    }

    /** Returns a producer, when its settings can be used and a broker's name is known. */
    private Producer<byte[], byte[]> connect() throws InterruptedException {
        boolean said = false;
        while (true) {
            try {
                return connect.apply(settings());
            } catch (KafkaException unusable) {
                if (!said) {
                    said = true;
                    addWarn("Kafka cannot be used, and is tried again: " + unusable.getMessage(), unusable);
                }
                TimeUnit.SECONDS.sleep(1);
            }
        }
    }

    private Map<String, Object> settings() {
        Map<String, Object> settings = new HashMap<>();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
        // On all replicas in sync, once, in order.
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        settings.put(ProducerConfig.LINGER_MS_CONFIG, 20);
        return settings;
    }

    private void send(Producer<byte[], byte[]> producer, ILoggingEvent event) throws InterruptedException {
        byte[] name = key.isEmpty() ? null : key.getBytes(StandardCharsets.UTF_8);
        try {
            producer.send(new ProducerRecord<>(topic, name, encoder.encode(event)), (where, failure) -> {
                (failure == null ? acked : dropped).incrementAndGet();
            });
        } catch (InterruptException interrupted) {
            throw new InterruptedException();
        } catch (RuntimeException failure) {
            dropped.incrementAndGet(); // Kafka's, or the encoder's: the next event may go
        }
    }

    private void sayDrops() {
        long now = System.nanoTime();
        long count = dropped.get();
        if (count > warned && (now - warnedAt >= WARN_NANOS || !isStarted())) {
            addWarn((count - warned) + " events could not be written to Kafka");
            warned = count;
            warnedAt = now;
        }
    }
}
