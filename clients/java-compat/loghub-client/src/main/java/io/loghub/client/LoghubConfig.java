package io.loghub.client;

import io.loghub.client.internal.Endpoint;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/** How a {@link LoghubClient} connects, batches and gives up. Immutable; made by {@link #builder(String)}. */
public final class LoghubConfig {
    static final Pattern PRODUCER_ID = Pattern.compile("[A-Za-z0-9._:/-]{1,128}");

    // A copy that nobody else has, so what is in it stays as it is.
    private final Builder set;

    private LoghubConfig(Builder from) {
        set = from.copy();
        check();
    }

    private void check() {
        checkFiles();
        require(set.producerId == null || PRODUCER_ID.matcher(set.producerId).matches(),
                "producerId '" + set.producerId + "' is not 1 to 128 characters of [A-Za-z0-9._:/-]");
        require(set.batchRecords >= 1, "batchRecords must be at least 1");
        require(set.maxRecordBytes >= 1024, "maxRecordBytes must be at least 1024");
        require(set.maxRecordBytes <= set.batchBytes, "maxRecordBytes must not be over batchBytes");
        // Half of the queue may be on its way to the hub; a batch that did not fit there could never be sent.
        require(set.batchBytes <= set.queueBytes / 2, "queueBytes must be at least twice batchBytes");
        require(set.batchBytes <= set.spoolBytes / 8, "spoolBytes must be at least eight times batchBytes");
        require(!set.linger.isNegative() && !set.spoolSync.isNegative(), "linger and spoolSync must not be negative");
        require(isPositive(set.backoffMin) && set.backoffMin.compareTo(set.backoffMax) <= 0,
                "backoffMin must be positive and not over backoffMax");
        require(isPositive(set.connectDeadline) && isPositive(set.ackDeadline) && isPositive(set.reloadInterval),
                "connect and ack deadlines and reloadInterval must be positive");
        require(!set.blockDeadline.isNegative() && !set.closeDeadline.isNegative(), "deadlines must not be negative");
    }

    private void checkFiles() {
        if (set.trustStore == null) {
            Objects.requireNonNull(set.caFile, "caFile is not set: the PEM file of the hub's authority");
        }
        if (set.keyStore == null) {
            Objects.requireNonNull(set.certFile, "certFile is not set: the PEM file of this client's chain");
            Objects.requireNonNull(set.keyFile, "keyFile is not set: the PEM file of this client's key");
        }
        require(set.keyStore == null || set.certFile == null && set.keyFile == null,
                "keyStore is set beside certFile or keyFile: which of them holds?");
        require(set.trustStore == null || set.caFile == null, "trustStore is set beside caFile: which of them holds?");
        require(set.serverSpiffeId.isEmpty() || set.serverSpiffeId.startsWith("spiffe://"),
                "serverSpiffeId '" + set.serverSpiffeId + "' does not begin with spiffe://");
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
        return set.endpoint;
    }

    public Path caFile() {
        return set.caFile;
    }

    public Path certFile() {
        return set.certFile;
    }

    public Path keyFile() {
        return set.keyFile;
    }

    /** Returns the name that was set, or null where it is for the client to choose. */
    public String producerId() {
        return set.producerId;
    }

    public String service() {
        return set.service;
    }

    public String host() {
        return set.host;
    }

    public Map<String, Object> attributes() {
        return set.attributes;
    }

    public int batchRecords() {
        return set.batchRecords;
    }

    public int batchBytes() {
        return set.batchBytes;
    }

    public Duration linger() {
        return set.linger;
    }

    public int maxRecordBytes() {
        return set.maxRecordBytes;
    }

    public long queueBytes() {
        return set.queueBytes;
    }

    public QueuePolicy queuePolicy() {
        return set.queuePolicy;
    }

    public Duration blockDeadline() {
        return set.blockDeadline;
    }

    public Duration backoffMin() {
        return set.backoffMin;
    }

    public Duration backoffMax() {
        return set.backoffMax;
    }

    public Duration connectDeadline() {
        return set.connectDeadline;
    }

    public Duration ackDeadline() {
        return set.ackDeadline;
    }

    public Duration closeDeadline() {
        return set.closeDeadline;
    }

    public LoghubListener listener() {
        return set.listener;
    }

    public Path keyStore() {
        return set.keyStore;
    }

    public Path keyStorePasswordFile() {
        return set.keyStorePasswordFile;
    }

    public Path trustStore() {
        return set.trustStore;
    }

    public Path trustStorePasswordFile() {
        return set.trustStorePasswordFile;
    }

    public Path tokenFile() {
        return set.tokenFile;
    }

    public String serverSpiffeId() {
        return set.serverSpiffeId;
    }

    public Duration reloadInterval() {
        return set.reloadInterval;
    }

    public Path spool() {
        return set.spool;
    }

    public long spoolBytes() {
        return set.spoolBytes;
    }

    public Duration spoolSync() {
        return set.spoolSync;
    }

    /** Collects settings; {@link #build} checks them. */
    public static final class Builder implements Cloneable {
        private final Endpoint endpoint;
        private Map<String, Object> attributes = new LinkedHashMap<>();
        private Path caFile;
        private Path certFile;
        private Path keyFile;
        private Path keyStore;
        private Path keyStorePasswordFile;
        private Path trustStore;
        private Path trustStorePasswordFile;
        private Path tokenFile;
        private String serverSpiffeId = "";
        private Duration reloadInterval = Duration.ofSeconds(10);
        private String producerId;
        private String service = "";
        private String host = "";
        private int batchRecords = 500;
        private int batchBytes = 512 << 10;
        private Duration linger = Duration.ofMillis(10);
        private int maxRecordBytes = 256 << 10;
        private long queueBytes = 16L << 20;
        private Path spool;
        private long spoolBytes = 256L << 20;
        private Duration spoolSync = Duration.ZERO;
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

        private Builder copy() {
            try {
                Builder copy = (Builder) clone();
                copy.attributes = Map.copyOf(attributes);
                return copy;
            } catch (CloneNotSupportedException impossible) {
                throw new AssertionError(impossible);
            }
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
         * PKCS#12 file of this client's key and chain, in place of certFile and keyFile, and a file whose first line is
         * its password. Read anew for every connection.
         */
        public Builder keyStore(Path file, Path passwordFile) {
            keyStore = file;
            keyStorePasswordFile = passwordFile;
            return this;
        }

        /** PKCS#12 file of trusted certificates, in place of caFile, and a file whose first line is its password. */
        public Builder trustStore(Path file, Path passwordFile) {
            trustStore = file;
            trustStorePasswordFile = passwordFile;
            return this;
        }

        /** File of a token (JWT) that is sent beside the certificate; default: none. Read anew for every connection. */
        public Builder tokenFile(Path file) {
            tokenFile = file;
            return this;
        }

        /**
         * The hub's SPIFFE id, e.g. {@code spiffe://example.com/hub}: its certificate must have this one and no other,
         * and may be of any host. Default: none; the certificate must be of the host that was asked for.
         */
        public Builder serverSpiffeId(String id) {
            serverSpiffeId = id;
            return this;
        }

        /** How often to look whether certificate, key, authority or token were renewed; default 10 s. */
        public Builder reloadInterval(Duration time) {
            reloadInterval = time;
            return this;
        }

        /**
         * Name that the hub keeps the count of batches by: 1 to 128 characters of {@code [A-Za-z0-9._:/-]}; default: a
         * random one, which a spool keeps. Two clients that run at the same time must never share one, or the hub takes the batches of one
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

        /**
         * Folder that keeps the records until the hub has them, over the end of the process too; default: none. Only
         * one client may use it at a time. A record is in a file before {@link LoghubClient#offer} returns.
         */
        public Builder spool(Path folder) {
            spool = folder;
            return this;
        }

        /** Most bytes of the spool's files, in place of queueBytes; default 256 MiB. */
        public Builder spoolBytes(long bytes) {
            spoolBytes = bytes;
            return this;
        }

        /**
         * Longest time for which the end of the machine, not of the process, could cost records of the spool; default
         * zero: no batch is sent before it is forced to the disk. With more than zero, records that were sent in that
         * time may also be sent once more when the machine is back.
         */
        public Builder spoolSync(Duration time) {
            spoolSync = time;
            return this;
        }

        /** What happens when queue or spool is full; default {@link QueuePolicy#DROP_NEWEST}. */
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
