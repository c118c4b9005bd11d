package io.loghub.client;

import io.loghub.client.internal.Endpoint;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.regex.Pattern;

/** How a {@link LoghubClient} connects, batches and gives up. Immutable; made by {@link #builder(String)}. */
public final class LoghubConfig {
    private static final Pattern PRODUCER_ID = Pattern.compile("[A-Za-z0-9._:/-]{1,128}");

    private final Endpoint endpoint;
    private final Path caFile;
    private final Path certFile;
    private final Path keyFile;
    private final String producerId;
    private final String service;
    private final String host;
    private final Map<String, Object> attributes;
    private final int batchRecords;
    private final int batchBytes;
    private final Duration linger;
    private final int maxRecordBytes;
    private final long queueBytes;
    private final QueuePolicy queuePolicy;
    private final Duration blockDeadline;
    private final Duration backoffMin;
    private final Duration backoffMax;
    private final Duration connectDeadline;
    private final Duration ackDeadline;
    private final Duration closeDeadline;
    private final LoghubListener listener;

    private LoghubConfig(Builder from) {
        endpoint = from.endpoint;
        caFile = Objects.requireNonNull(from.caFile, "caFile is not set: the PEM file of the hub's authority");
        certFile = Objects.requireNonNull(from.certFile, "certFile is not set: the PEM file of this client's chain");
        keyFile = Objects.requireNonNull(from.keyFile, "keyFile is not set: the PEM file of this client's key");
        producerId = from.producerId;
        service = from.service;
        host = from.host;
        attributes = Map.copyOf(from.attributes);
        batchRecords = from.batchRecords;
        batchBytes = from.batchBytes;
        linger = from.linger;
        maxRecordBytes = from.maxRecordBytes;
        queueBytes = from.queueBytes;
        queuePolicy = from.queuePolicy;
        blockDeadline = from.blockDeadline;
        backoffMin = from.backoffMin;
        backoffMax = from.backoffMax;
        connectDeadline = from.connectDeadline;
        ackDeadline = from.ackDeadline;
        closeDeadline = from.closeDeadline;
        listener = from.listener;
        check();
    }

    private void check() {
        require(PRODUCER_ID.matcher(producerId).matches(),
                "producerId '" + producerId + "' is not 1 to 128 characters of [A-Za-z0-9._:/-]");
        require(batchRecords >= 1, "batchRecords must be at least 1");
        require(maxRecordBytes >= 1024, "maxRecordBytes must be at least 1024");
        require(maxRecordBytes <= batchBytes, "maxRecordBytes must not be over batchBytes");
        // Half of the queue may be on its way to the hub; a batch that did not fit there could never be sent.
        require(batchBytes <= queueBytes / 2, "queueBytes must be at least twice batchBytes");
        require(!linger.isNegative(), "linger must not be negative");
        require(isPositive(backoffMin) && backoffMin.compareTo(backoffMax) <= 0,
                "backoffMin must be positive and not over backoffMax");
        require(isPositive(connectDeadline) && isPositive(ackDeadline), "connect and ack deadlines must be positive");
        require(!blockDeadline.isNegative() && !closeDeadline.isNegative(), "deadlines must not be negative");
    }

    private static boolean isPositive(Duration duration) {
        return !duration.isNegative() && !duration.isZero();
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }

    /**
     * Begins a configuration.
     *
     * @param endpoint {@code host:port} of the hub; IllegalArgumentException where it is not
     */
    public static Builder builder(String endpoint) {
        return new Builder(Endpoint.parse(endpoint));
    }

    Endpoint endpoint() {
        return endpoint;
    }

    public Path caFile() {
        return caFile;
    }

    public Path certFile() {
        return certFile;
    }

    public Path keyFile() {
        return keyFile;
    }

    public String producerId() {
        return producerId;
    }

    public String service() {
        return service;
    }

    public String host() {
        return host;
    }

    public Map<String, Object> attributes() {
        return attributes;
    }

    public int batchRecords() {
        return batchRecords;
    }

    public int batchBytes() {
        return batchBytes;
    }

    public Duration linger() {
        return linger;
    }

    public int maxRecordBytes() {
        return maxRecordBytes;
    }

    public long queueBytes() {
        return queueBytes;
    }

    public QueuePolicy queuePolicy() {
        return queuePolicy;
    }

    public Duration blockDeadline() {
        return blockDeadline;
    }

    public Duration backoffMin() {
        return backoffMin;
    }

    public Duration backoffMax() {
        return backoffMax;
    }

    public Duration connectDeadline() {
        return connectDeadline;
    }

    public Duration ackDeadline() {
        return ackDeadline;
    }

    public Duration closeDeadline() {
        return closeDeadline;
    }

    public LoghubListener listener() {
        return listener;
    }

    /** Collects settings; {@link #build} checks them. */
    public static final class Builder {
        private final Endpoint endpoint;
        private final Map<String, Object> attributes = new LinkedHashMap<>();
        private Path caFile;
        private Path certFile;
        private Path keyFile;
        private String producerId = "java-" + UUID.randomUUID();
        private String service = "";
        private String host = "";
        private int batchRecords = 500;
        private int batchBytes = 512 << 10;
        private Duration linger = Duration.ofMillis(10);
        private int maxRecordBytes = 256 << 10;
        private long queueBytes = 16L << 20;
        private QueuePolicy queuePolicy = QueuePolicy.DROP_NEWEST;
        private Duration blockDeadline = Duration.ofSeconds(5);
        private Duration backoffMin = Duration.ofMillis(100);
        private Duration backoffMax = Duration.ofSeconds(30);
        private Duration connectDeadline = Duration.ofSeconds(10);
        private Duration ackDeadline = Duration.ofSeconds(30);
        private Duration closeDeadline = Duration.ofSeconds(5);
        private LoghubListener listener = LoghubListener.NONE;

        private Builder(Endpoint endpoint) {
            this.endpoint = endpoint;
        }

        /** PEM file of the authority that issued the hub's certificate. Read anew for every connection. */
        public Builder caFile(Path file) {
            caFile = file;
            return this;
        }

        /** PEM file of this client's certificate, followed by its intermediates. Read anew for every connection. */
        public Builder certFile(Path file) {
            certFile = file;
            return this;
        }

        /** PEM file of this client's private key, PKCS#8, not encrypted. Read anew for every connection. */
        public Builder keyFile(Path file) {
            keyFile = file;
            return this;
        }

        /**
         * Name that the hub keeps the count of batches by: 1 to 128 characters of {@code [A-Za-z0-9._:/-]}; default: a
         * random one. Two clients that run at the same time must never share one, or the hub takes the batches of one
         * for repetitions of the other's.
         */
        public Builder producerId(String id) {
            producerId = id;
            return this;
        }

        /** Name of the service, for records that name none of their own; default: none. */
        public Builder service(String name) {
            service = name;
            return this;
        }

        /** Name of the host, for records that name none of their own; default: none. */
        public Builder host(String name) {
            host = name;
            return this;
        }

        /** Something that holds for all records, e.g. {@code deployment.environment.name}. */
        public Builder attribute(String key, Object value) {
            attributes.put(key, value);
            return this;
        }

        /** Most records in a batch; default 500. The hub may allow less. */
        public Builder batchRecords(int records) {
            batchRecords = records;
            return this;
        }

        /** Most bytes in a batch, as serialised; default 512 KiB. The hub may allow less. */
        public Builder batchBytes(int bytes) {
            batchBytes = bytes;
            return this;
        }

        /** Longest wait for a batch to fill; default 10 ms. */
        public Builder linger(Duration time) {
            linger = time;
            return this;
        }

        /** Longest record, as serialised; a longer one is cut and marked; default 256 KiB. The hub may allow less. */
        public Builder maxRecordBytes(int bytes) {
            maxRecordBytes = bytes;
            return this;
        }

        /** Most bytes of records that are queued or not yet acknowledged; default 16 MiB. */
        public Builder queueBytes(long bytes) {
            queueBytes = bytes;
            return this;
        }

        /** What happens when the queue is full; default {@link QueuePolicy#DROP_NEWEST}. */
        public Builder queuePolicy(QueuePolicy policy) {
            queuePolicy = policy;
            return this;
        }

        /** Longest wait of a caller under {@link QueuePolicy#BLOCK}; default 5 s. */
        public Builder blockDeadline(Duration time) {
            blockDeadline = time;
            return this;
        }

        /** Upper bound of the first delay before connecting again; default 100 ms. */
        public Builder backoffMin(Duration time) {
            backoffMin = time;
            return this;
        }

        /** Upper bound of every delay before connecting again; default 30 s. */
        public Builder backoffMax(Duration time) {
            backoffMax = time;
            return this;
        }

        /** Longest wait for the hub's welcome; default 10 s. */
        public Builder connectDeadline(Duration time) {
            connectDeadline = time;
            return this;
        }

        /** Longest silence of the hub while batches are open, before connecting again; default 30 s. */
        public Builder ackDeadline(Duration time) {
            ackDeadline = time;
            return this;
        }

        /** Longest wait of {@link LoghubClient#close()}; default 5 s. */
        public Builder closeDeadline(Duration time) {
            closeDeadline = time;
            return this;
        }

        /** Who hears what becomes of records. */
        public Builder listener(LoghubListener hearer) {
            listener = hearer;
            return this;
        }

        /** Returns the configuration; IllegalArgumentException or NullPointerException names the setting at fault. */
        public LoghubConfig build() {
            return new LoghubConfig(this);
        }
    }
}
