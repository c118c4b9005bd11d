package io.loghub.client.tail;

import io.loghub.client.internal.Endpoint;
import io.loghub.v1.Subscribe;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Reads a tenant's log records from a hub. Immutable; made by {@link #builder(String)}; any thread may use it.
 *
 * <p>What may be read is decided by the client's certificate or token alone. A subscription that loses its connection
 * comes back by itself and goes on where it stood: nothing is missed, and nothing comes twice.
 */
public final class LoghubTail {
    private static final int MAX_CREDIT = 1_000_000;

    private final Endpoint endpoint;
    private final Path caFile;
    private final Path certFile;
    private final Path keyFile;
    private final Supplier<String> token;
    private final String tenant;
    private final boolean follow;
    private final int maxRecordsPerSecond;
    private final int creditRecords;
    private final Duration backoffMin;
    private final Duration backoffMax;
    private final Duration connectDeadline;
    private final Duration closeDeadline;

    private LoghubTail(Builder from) {
        endpoint = from.endpoint;
        caFile = from.caFile;
        certFile = from.certFile;
        keyFile = from.keyFile;
        token = from.token;
        tenant = from.tenant;
        follow = from.follow;
        maxRecordsPerSecond = from.maxRecordsPerSecond;
        creditRecords = from.creditRecords;
        backoffMin = from.backoffMin;
        backoffMax = from.backoffMax;
        connectDeadline = from.connectDeadline;
        closeDeadline = from.closeDeadline;
        check();
    }

    private void check() {
        require((certFile == null) == (keyFile == null), "certFile and keyFile are set together or not at all");
        require(certFile != null || token != null, "neither certFile nor token is set: the hub must know who is asking");
        require(maxRecordsPerSecond >= 0, "maxRecordsPerSecond must not be negative");
        require(creditRecords >= 1 && creditRecords <= MAX_CREDIT, "creditRecords must be 1 to " + MAX_CREDIT);
        require(isPositive(backoffMin) && backoffMin.compareTo(backoffMax) <= 0,
                "backoffMin must be positive and not over backoffMax");
        require(isPositive(connectDeadline), "connectDeadline must be positive");
        require(!closeDeadline.isNegative(), "closeDeadline must not be negative");
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
     * @param endpoint {@code host:port} of the hub's gRPC; IllegalArgumentException where it is not
     */
    public static Builder builder(String endpoint) {
        return new Builder(Endpoint.parse(endpoint));
    }

    /**
     * Begins to receive, in the background, on a connection of its own; also where the hub is down at first.
     *
     * @param filter in the hub's filter language; empty: everything of the tenant
     * @param from where to begin
     * @param listener hears what comes
     */
    public TailSubscription subscribe(String filter, From from, TailListener listener) {
        Subscribe.Builder wish = Subscribe.newBuilder()
                .setFilter(filter)
                .setTenant(tenant)
                .setFollow(follow)
                .setMaxRecordsPerS(maxRecordsPerSecond);
        from.applyTo(wish);
        return new TailSubscription(this, wish.build(), Objects.requireNonNull(listener, "listener is null"));
    }

    Endpoint endpoint() {
        return endpoint;
    }

    Path caFile() {
        return caFile;
    }

    Path certFile() {
        return certFile;
    }

    Path keyFile() {
        return keyFile;
    }

    Supplier<String> token() {
        return token;
    }

    int creditRecords() {
        return creditRecords;
    }

    Duration backoffMin() {
        return backoffMin;
    }

    Duration backoffMax() {
        return backoffMax;
    }

    Duration connectDeadline() {
        return connectDeadline;
    }

    Duration closeDeadline() {
        return closeDeadline;
    }

    /** Collects settings; {@link #build} checks them. */
    public static final class Builder {
        private final Endpoint endpoint;
        private Path caFile;
        private Path certFile;
        private Path keyFile;
        private Supplier<String> token;
        private String tenant = "";
        private boolean follow = true;
        private int maxRecordsPerSecond;
        private int creditRecords = 10_000;
        private Duration backoffMin = Duration.ofSeconds(1);
        private Duration backoffMax = Duration.ofSeconds(30);
        private Duration connectDeadline = Duration.ofSeconds(10);
        private Duration closeDeadline = Duration.ofSeconds(5);

        private Builder(Endpoint endpoint) {
            this.endpoint = endpoint;
        }

        /** PEM file of the hub's authority, read anew for every connection; default: those that Java trusts. */
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
         * Where the token (a JWT) comes from: asked before every connection, and again when the hub says that the token
         * is about to expire. It may do I/O, but should return within seconds. Default: no token, the certificate
         * alone.
         */
        public Builder token(Supplier<String> supplier) {
            token = supplier;
            return this;
        }

        /** Whose records, where the token is for several tenants; default: those of the tenant that the hub names. */
        public Builder tenant(String name) {
            tenant = name;
            return this;
        }

        /** Whether to go on live at the end of what is stored; default true. Otherwise the subscription ends there. */
        public Builder follow(boolean live) {
            follow = live;
            return this;
        }

        /** Most records a second; what is over, the hub leaves out. Default 0: all. */
        public Builder maxRecordsPerSecond(int records) {
            maxRecordsPerSecond = records;
            return this;
        }

        /** Most records that are on their way or wait for the listener; default 10,000. */
        public Builder creditRecords(int records) {
            creditRecords = records;
            return this;
        }

        /** Upper bound of the first delay before connecting again; default 1 s. */
        public Builder backoffMin(Duration time) {
            backoffMin = time;
            return this;
        }

        /** Upper bound of every delay before connecting again, but for what the hub asks for; default 30 s. */
        public Builder backoffMax(Duration time) {
            backoffMax = time;
            return this;
        }

        /** Longest wait for the hub to confirm a subscription; default 10 s. */
        public Builder connectDeadline(Duration time) {
            connectDeadline = time;
            return this;
        }

        /** Longest wait of {@link TailSubscription#close()}; default 5 s. */
        public Builder closeDeadline(Duration time) {
            closeDeadline = time;
            return this;
        }

        /** Returns the configuration; IllegalArgumentException names the setting at fault. */
        public LoghubTail build() {
            return new LoghubTail(this);
        }
    }
}
