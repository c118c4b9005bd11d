package io.loghub.logback;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubConfig;
import io.loghub.client.LoghubListener;
import io.loghub.client.QueuePolicy;
import io.loghub.client.Values;
import io.loghub.v1.LogRecord;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Sends events to a hub. Never throws into the application and, unless {@code queuePolicy} is {@code BLOCK}, never
 * makes it wait.
 *
 * <pre>{@code
 * <appender name="LOGHUB" class="io.loghub.logback.LoghubAppender">
 *   <endpoint>logs.example.com:4317</endpoint>
 *   <caFile>ca.pem</caFile> <certFile>orders.pem</certFile> <keyFile>orders.key</keyFile>
 *   <service>orders</service>
 * </appender>
 * }</pre>
 *
 * <p>What happens to the connection, and what had to be dropped, is said in logback's status. Without an endpoint the
 * appender stays off, so that one configuration serves development too.
 */
public class LoghubAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
    // The client's own network code: below WARN its events would beget further ones without end.
    private static final String[] OWN_LOGGERS = {"io.grpc.netty.shaded.", "io.grpc.internal."};
    private static final String NOT_AN_ID = "[^A-Za-z0-9._:/-]";
    private static final int MAX_ID_PART = 40;

    private String endpoint = "";
    private String caFile = "";
    private String certFile = "";
    private String keyFile = "";
    private String service = "";
    private String host = "";
    private String producerId = "";
    private String queuePolicy = QueuePolicy.DROP_NEWEST.name();
    private long queueBytes;
    private int batchRecords;
    private long lingerMillis = -1;
    private long closeMillis = -1;
    private final Map<String, String> attributes = new LinkedHashMap<>();
    private final AtomicBoolean failureSaid = new AtomicBoolean();
    private volatile LoghubClient client;

    /** Starts to connect, in the background; a wrong setting is said in the status, and the appender is off. */
    @Override
    public void start() {
        // Also when it is off: logback would warn of every event that comes to an appender that is not started.
        super.start();
        if (endpoint.isBlank()) {
            addInfo("loghub is off: no endpoint is set");
            return;
        }
        try {
            client = new LoghubClient(config());
        } catch (IllegalArgumentException | NullPointerException wrongSetting) {
            addError("loghub is off: " + wrongSetting.getMessage());
        } catch (RuntimeException | LinkageError unusable) {
            addError("loghub is off: " + Values.text(unusable), unusable);
        }
    }

    private LoghubConfig config() {
        String hostName = host.isBlank() ? localHost() : host;
        LoghubConfig.Builder config = LoghubConfig.builder(endpoint.strip())
                .caFile(file(caFile))
                .certFile(file(certFile))
                .keyFile(file(keyFile))
                .service(service)
                .host(hostName)
                .producerId(producerId.isBlank() ? randomProducerId(hostName) : producerId)
                .queuePolicy(QueuePolicy.valueOf(queuePolicy.strip().toUpperCase(Locale.ROOT)))
                .listener(new StatusListener());
        attributes.forEach(config::attribute);
        if (queueBytes > 0) {
            config.queueBytes(queueBytes);
        }
        if (batchRecords > 0) {
            config.batchRecords(batchRecords);
        }
        if (lingerMillis >= 0) {
            config.linger(Duration.ofMillis(lingerMillis));
        }
        if (closeMillis >= 0) {
            config.closeDeadline(Duration.ofMillis(closeMillis));
        }
        return config.build();
    }

    private static Path file(String name) {
        return name.isBlank() ? null : Path.of(name);
    }

    /** Service and host for people, random so that it is never shared by two processes. */
    private String randomProducerId(String hostName) {
        return idPart(service.isBlank() ? "java" : service) + "-" + idPart(hostName) + "-" + UUID.randomUUID();
    }

    private static String idPart(String name) {
        String part = name.replaceAll(NOT_AN_ID, "_");
        return part.substring(0, Math.min(part.length(), MAX_ID_PART));
    }

    private static String localHost() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException nameless) {
            return "localhost";
        }
    }

    /** Sends what is queued, within the deadline, and says how much was left. */
    @Override
    public void stop() {
        LoghubClient open = client;
        client = null;
        super.stop();
        if (open != null) {
            open.close();
            long left = open.stats().pending();
            if (left > 0) {
                addWarn("loghub closed with " + left + " records that were not acknowledged");
            }
        }
    }

    /** Returns what became of the records so far; null where the appender is off. */
    public ClientStats stats() {
        LoghubClient open = client;
        return open == null ? null : open.stats();
    }

    @Override
    protected void append(ILoggingEvent event) {
        LoghubClient open = client;
        if (open == null || isOwn(event)) {
            return;
        }
        try {
            open.offer(EventConverter.convert(event));
        } catch (Throwable hostile) { // whatever an argument does, the application goes on
            // Once is enough: each status line is kept in memory.
            if (failureSaid.compareAndSet(false, true)) {
                addError("loghub could not read an event of " + event.getLoggerName() + ": " + Values.text(hostile));
            }
        }
    }

    private static boolean isOwn(ILoggingEvent event) {
        String logger = event.getLoggerName();
        if (logger != null && logger.startsWith("io.grpc.") && !event.getLevel().isGreaterOrEqual(Level.WARN)) {
            for (String own : OWN_LOGGERS) {
                if (logger.startsWith(own)) {
                    return true;
                }
            }
        }
        return false;
    }

    private final class StatusListener implements LoghubListener {
        @Override
        public void onState(String message) {
            if (message.startsWith("connected")) {
                addInfo(message);
            } else {
                addWarn(message);
            }
        }

        @Override
        public void onDropped(long records, String reason) {
            addWarn("loghub dropped " + records + " records: " + reason);
        }

        @Override
        public void onRejected(LogRecord record, String field, String reason) {
            addWarn("loghub: a record of " + record.getLogger() + " was refused: " + field + " " + reason);
        }
    }

    /** {@code host:port} of the hub; empty: the appender is off. */
    public void setEndpoint(String text) {
        endpoint = text;
    }

    /** PEM file of the hub's authority. */
    public void setCaFile(String file) {
        caFile = file;
    }

    /** PEM file of this service's certificate and its intermediates. */
    public void setCertFile(String file) {
        certFile = file;
    }

    /** PEM file of this service's private key, PKCS#8. */
    public void setKeyFile(String file) {
        keyFile = file;
    }

    /** Name of the service. */
    public void setService(String name) {
        service = name;
    }

    /** Name of the host; default: what the system says. */
    public void setHost(String name) {
        host = name;
    }

    /** Name that the hub counts batches by; default: service, host and a random part. Never share one. */
    public void setProducerId(String id) {
        producerId = id;
    }

    /** {@code DROP_NEWEST} (default), {@code DROP_OLDEST} or {@code BLOCK}. */
    public void setQueuePolicy(String policy) {
        queuePolicy = policy;
    }

    /** Most bytes of records that are queued or not yet acknowledged; default 16 MiB. */
    public void setQueueBytes(long bytes) {
        queueBytes = bytes;
    }

    /** Most records in a batch; default 500. */
    public void setBatchRecords(int records) {
        batchRecords = records;
    }

    /** Longest wait for a batch to fill; default 10 ms. */
    public void setLingerMillis(long millis) {
        lingerMillis = millis;
    }

    /** Longest wait for the hub when the application ends; default 5000 ms. */
    public void setCloseMillis(long millis) {
        closeMillis = millis;
    }

    /** One {@code key=value} that holds for all records; may be given several times. */
    public void addAttribute(String pair) {
        int equals = pair.indexOf('=');
        if (equals < 1) {
            addWarn("loghub: attribute '" + pair + "' is not key=value and is left out");
            return;
        }
        attributes.put(pair.substring(0, equals).strip(), pair.substring(equals + 1).strip());
    }
}
