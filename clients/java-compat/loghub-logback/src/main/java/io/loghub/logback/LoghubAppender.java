package io.loghub.logback;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;
import io.loghub.client.ClientStats;
import io.loghub.client.appender.AppenderSettings;
import io.loghub.client.appender.Shipping;

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
 * appender stays off, so that one configuration serves development too. What the settings mean is said at {@link
 * AppenderSettings}.
 */
public class LoghubAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
    private final AppenderSettings settings = new AppenderSettings();
    private volatile Shipping shipping;

    /** Starts to connect, in the background; a wrong setting is said in the status, and the appender is off. */
    @Override
    public void start() {
        // Also when it is off: logback would warn of every event that comes to an appender that is not started.
        super.start();
        shipping = Shipping.start(settings, new ContextStatus());
    }

    /** Sends what is queued, within the deadline, and says how much was left. */
    @Override
    public void stop() {
        super.stop();
        Shipping open = shipping;
        shipping = null;
        if (open != null) {
            open.stop();
        }
    }

    /** Returns what became of the records so far; null where the appender is off. */
    public ClientStats stats() {
        Shipping open = shipping;
        return open == null ? null : open.stats();
    }

    @Override
    protected void append(ILoggingEvent event) {
        Shipping open = shipping;
        if (open == null || !open.wants(event.getLoggerName(), event.getLevel().isGreaterOrEqual(Level.WARN))) {
            return;
        }
        try {
            open.ship(EventReader.read(event, settings.includeCaller));
        } catch (Throwable hostile) { // whatever an argument does, the application goes on
            open.failed(event.getLoggerName(), hostile);
        }
    }

    private final class ContextStatus implements Shipping.Status {
        @Override
        public void info(String message) {
            addInfo(message);
        }

        @Override
        public void warn(String message) {
            addWarn(message);
        }

        @Override
        public void error(String message, Throwable cause) {
            if (cause == null) {
                addError(message);
            } else {
                addError(message, cause);
            }
        }
    }

    public void setEndpoint(String text) {
        settings.endpoint = text;
    }

    public void setCaFile(String file) {
        settings.caFile = file;
    }

    public void setCertFile(String file) {
        settings.certFile = file;
    }

    public void setKeyFile(String file) {
        settings.keyFile = file;
    }

    public void setKeyStore(String file) {
        settings.keyStore = file;
    }

    public void setKeyStorePasswordFile(String file) {
        settings.keyStorePasswordFile = file;
    }

    public void setTrustStore(String file) {
        settings.trustStore = file;
    }

    public void setTrustStorePasswordFile(String file) {
        settings.trustStorePasswordFile = file;
    }

    public void setTokenFile(String file) {
        settings.tokenFile = file;
    }

    public void setServerSpiffeId(String id) {
        settings.serverSpiffeId = id;
    }

    public void setService(String name) {
        settings.service = name;
    }

    public void setHost(String name) {
        settings.host = name;
    }

    public void setProducerId(String id) {
        settings.producerId = id;
    }

    public void setQueuePolicy(String policy) {
        settings.queuePolicy = policy;
    }

    public void setBlockMillis(long millis) {
        settings.blockMillis = millis;
    }

    public void setQueueBytes(long bytes) {
        settings.queueBytes = bytes;
    }

    public void setSpool(String folder) {
        settings.spool = folder;
    }

    public void setSpoolBytes(long bytes) {
        settings.spoolBytes = bytes;
    }

    public void setSpoolSyncMillis(long millis) {
        settings.spoolSyncMillis = millis;
    }

    public void setBatchRecords(int records) {
        settings.batchRecords = records;
    }

    public void setLingerMillis(long millis) {
        settings.lingerMillis = millis;
    }

    public void setMaxRecordBytes(int bytes) {
        settings.maxRecordBytes = bytes;
    }

    public void setCloseMillis(long millis) {
        settings.closeMillis = millis;
    }

    public void setIncludeCaller(boolean include) {
        settings.includeCaller = include;
    }

    /** One {@code key=value} that holds for all records; may be given several times. */
    public void addAttribute(String pair) {
        if (!settings.addAttribute(pair)) {
            addWarn("loghub: attribute '" + pair + "' is not key=value and is left out");
        }
    }
}
