package io.loghub.client.appender;

import io.loghub.client.LoghubConfig;
import io.loghub.client.LoghubListener;
import io.loghub.client.QueuePolicy;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;

/**
 * The settings of an appender, as texts and numbers of a configuration file. A text that is empty and a number that is
 * negative are not set. {@link LoghubConfig.Builder} says what each means.
 */
public final class AppenderSettings {
    private static final String NOT_AN_ID = "[^A-Za-z0-9._:/-]";
    private static final int MAX_ID_PART = 40;

    /** {@code host:port} of the hub; empty: the appender is off. */
    public String endpoint = "";
    /** PEM file of the hub's authority. */
    public String caFile = "";
    /** PEM file of this service's certificate and its intermediates. */
    public String certFile = "";
    /** PEM file of this service's private key, PKCS#8. */
    public String keyFile = "";
    /** PKCS#12 file of key and chain, in place of certFile and keyFile. */
    public String keyStore = "";
    /** File whose first line is the key store's password. */
    public String keyStorePasswordFile = "";
    /** PKCS#12 file of trusted certificates, in place of caFile. */
    public String trustStore = "";
    /** File whose first line is the trust store's password. */
    public String trustStorePasswordFile = "";
    /** File of a token that is sent beside the certificate. */
    public String tokenFile = "";
    /** The hub's SPIFFE id. */
    public String serverSpiffeId = "";
    /** Name of the service. */
    public String service = "";
    /** Name of the host; default: what the system says. */
    public String host = "";
    /** Name that the hub counts batches by; default: service, host and a random part. Never share one. */
    public String producerId = "";
    /** {@code DROP_NEWEST} (default), {@code DROP_OLDEST} or {@code BLOCK}. */
    public String queuePolicy = "";
    /** Longest wait of the application under {@code BLOCK}. */
    public long blockMillis = -1;
    /** Most bytes of records that are queued or not yet acknowledged. */
    public long queueBytes = -1;
    /** Folder that keeps records over the end of the process. */
    public String spool = "";
    /** Most bytes of the spool's files. */
    public long spoolBytes = -1;
    /** Longest time for which the end of the machine could cost records of the spool. */
    public long spoolSyncMillis = -1;
    /** Most records in a batch. */
    public int batchRecords = -1;
    /** Longest wait for a batch to fill. */
    public long lingerMillis = -1;
    /** Longest record in bytes. */
    public int maxRecordBytes = -1;
    /** Longest wait for the hub when the application ends. */
    public long closeMillis = -1;
    /** Whether each record says where in the program it was logged, which costs some microseconds an event. */
    public boolean includeCaller;
    /** What holds for all records. */
    public final Map<String, String> attributes = new LinkedHashMap<>();

    /** Adds one {@code key=value} that holds for all records; false where it is none. */
    public boolean addAttribute(String pair) {
        int equals = pair.indexOf('=');
        if (equals < 1) {
            return false;
        }
        attributes.put(pair.substring(0, equals).strip(), pair.substring(equals + 1).strip());
        return true;
    }

    /** Returns the client's configuration; IllegalArgumentException or NullPointerException names what is wrong. */
    LoghubConfig config(LoghubListener listener) {
        String hostName = host.isBlank() ? localHost() : host;
        LoghubConfig.Builder config = LoghubConfig.builder(endpoint.strip())
                .caFile(file(caFile))
                .certFile(file(certFile))
                .keyFile(file(keyFile))
                .tokenFile(file(tokenFile))
                .serverSpiffeId(serverSpiffeId.strip())
                .service(service)
                .host(hostName)
                .spool(file(spool))
                .listener(listener);
        if (!keyStore.isBlank()) {
            config.keyStore(file(keyStore), file(keyStorePasswordFile));
        }
        if (!trustStore.isBlank()) {
            config.trustStore(file(trustStore), file(trustStorePasswordFile));
        }
        if (!producerId.isBlank()) {
            config.producerId(producerId);
        } else if (spool.isBlank()) { // a spool keeps its own
            config.producerId(randomProducerId(hostName));
        }
        if (!queuePolicy.isBlank()) {
            config.queuePolicy(QueuePolicy.valueOf(queuePolicy.strip().toUpperCase(Locale.ROOT)));
        }
        attributes.forEach(config::attribute);
        setNumbers(config);
        return config.build();
    }

    private void setNumbers(LoghubConfig.Builder config) {
        if (blockMillis >= 0) {
            config.blockDeadline(Duration.ofMillis(blockMillis));
        }
        if (queueBytes >= 0) {
            config.queueBytes(queueBytes);
        }
        if (spoolBytes >= 0) {
            config.spoolBytes(spoolBytes);
        }
        if (spoolSyncMillis >= 0) {
            config.spoolSync(Duration.ofMillis(spoolSyncMillis));
        }
        if (batchRecords >= 0) {
            config.batchRecords(batchRecords);
        }
        if (lingerMillis >= 0) {
            config.linger(Duration.ofMillis(lingerMillis));
        }
        if (maxRecordBytes >= 0) {
            config.maxRecordBytes(maxRecordBytes);
        }
        if (closeMillis >= 0) {
            config.closeDeadline(Duration.ofMillis(closeMillis));
        }
    }

    private static Path file(String name) {
        return name.isBlank() ? null : Path.of(name.strip());
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
}
