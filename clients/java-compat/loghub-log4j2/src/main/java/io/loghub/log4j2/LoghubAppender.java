package io.loghub.log4j2;

import io.loghub.client.ClientStats;
import io.loghub.client.appender.AppenderSettings;
import io.loghub.client.appender.Shipping;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.Logger;
import org.apache.logging.log4j.core.Appender;
import org.apache.logging.log4j.core.Core;
import org.apache.logging.log4j.core.Filter;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;
import org.apache.logging.log4j.core.config.plugins.Plugin;
import org.apache.logging.log4j.core.config.plugins.PluginBuilderAttribute;
import org.apache.logging.log4j.core.config.plugins.PluginBuilderFactory;
import org.apache.logging.log4j.core.config.plugins.PluginElement;
import org.apache.logging.log4j.core.config.plugins.validation.constraints.Required;
import org.apache.logging.log4j.status.StatusLogger;

/**
 * Sends events to a hub. Never throws into the application and, unless {@code queuePolicy} is {@code BLOCK}, never
 * makes it wait.
 *
 * <pre>{@code
 * <Loghub name="LOGHUB" endpoint="logs.example.com:4317" service="orders"
 *         caFile="ca.pem" certFile="orders.pem" keyFile="orders.key">
 *   <Property name="deployment.environment.name" value="production"/>
 * </Loghub>
 * }</pre>
 *
 * <p>What happens to the connection, and what had to be dropped, is said in Log4j's status logger. Without an endpoint
 * the appender stays off. What the settings mean is said at {@link AppenderSettings}.
 */
@Plugin(name = "Loghub", category = Core.CATEGORY_NAME, elementType = Appender.ELEMENT_TYPE, printObject = true)
public final class LoghubAppender extends AbstractAppender {
    // Log4j writes the fields itself; programs that configure by hand have LoghubClient.
    private static final String NO_SETTERS = "log4j.public.setter";

    private final AppenderSettings settings;
    private volatile Shipping shipping;

    private LoghubAppender(String name, Filter filter, AppenderSettings settings) {
        super(name, filter, null, true, Property.EMPTY_ARRAY);
        this.settings = settings;
    }

    /** Starts to connect, in the background; a wrong setting is said in the status, and the appender is off. */
    @Override
    public void start() {
        shipping = Shipping.start(settings, new StatusLoggerStatus(StatusLogger.getLogger()));
        super.start();
    }

    /** Sends what is queued, within the deadline, and says how much was left. */
    @Override
    public boolean stop(long timeout, TimeUnit unit) {
        setStopping();
        Shipping open = shipping;
        shipping = null;
        if (open != null) {
            open.stop();
        }
        return super.stop(timeout, unit, false);
    }

    /** Returns what became of the records so far; null where the appender is off. */
    public ClientStats stats() {
        Shipping open = shipping;
        return open == null ? null : open.stats();
    }

    @Override
    public void append(LogEvent event) {
        Shipping open = shipping;
        if (open == null || !open.wants(event.getLoggerName(), event.getLevel().isMoreSpecificThan(Level.WARN))) {
            return;
        }
        try {
            open.ship(EventReader.read(event, settings.includeCaller));
        } catch (Throwable hostile) { // whatever an argument does, the application goes on
            open.failed(event.getLoggerName(), hostile);
        }
    }

    /** Asks Log4j to find out where an event was logged only where that is wanted, since it is dear. */
    @Override
    public boolean requiresLocation() {
        return settings.includeCaller;
    }

    private record StatusLoggerStatus(Logger logger) implements Shipping.Status {
        @Override
        public void info(String message) {
            logger.info(message);
        }

        @Override
        public void warn(String message) {
            logger.warn(message);
        }

        @Override
        public void error(String message, Throwable cause) {
            logger.error(message, cause);
        }
    }

    /** Returns what Log4j fills with the attributes of the element. */
    @PluginBuilderFactory
    public static Builder newBuilder() {
        return new Builder();
    }

    /** The attributes of the element; {@link AppenderSettings} says what they mean. */
    public static final class Builder implements org.apache.logging.log4j.core.util.Builder<LoghubAppender> {
        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        @Required
        private String name;

        @PluginElement("Filter")
        private Filter filter;

        @PluginElement("Properties")
        private Property[] properties = Property.EMPTY_ARRAY;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String endpoint = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String caFile = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String certFile = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String keyFile = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String keyStore = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String keyStorePasswordFile = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String trustStore = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String trustStorePasswordFile = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String tokenFile = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String serverSpiffeId = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String service = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String host = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String producerId = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String queuePolicy = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private long blockMillis = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private long queueBytes = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private String spool = "";

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private long spoolBytes = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private long spoolSyncMillis = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private int batchRecords = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private long lingerMillis = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private int maxRecordBytes = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private long closeMillis = -1;

        @PluginBuilderAttribute
        @SuppressWarnings(NO_SETTERS)
        private boolean includeCaller;

        private Builder() {}

        @Override
        public LoghubAppender build() {
            AppenderSettings settings = new AppenderSettings();
            settings.endpoint = endpoint;
            settings.caFile = caFile;
            settings.certFile = certFile;
            settings.keyFile = keyFile;
            settings.keyStore = keyStore;
            settings.keyStorePasswordFile = keyStorePasswordFile;
            settings.trustStore = trustStore;
            settings.trustStorePasswordFile = trustStorePasswordFile;
            settings.tokenFile = tokenFile;
            settings.serverSpiffeId = serverSpiffeId;
            settings.service = service;
            settings.host = host;
            settings.producerId = producerId;
            settings.queuePolicy = queuePolicy;
            settings.blockMillis = blockMillis;
            settings.queueBytes = queueBytes;
            settings.spool = spool;
            settings.spoolBytes = spoolBytes;
            settings.spoolSyncMillis = spoolSyncMillis;
            settings.batchRecords = batchRecords;
            settings.lingerMillis = lingerMillis;
            settings.maxRecordBytes = maxRecordBytes;
            settings.closeMillis = closeMillis;
            settings.includeCaller = includeCaller;
            for (Property each : properties) {
                settings.attributes.put(each.getName(), each.getValue());
            }
            return new LoghubAppender(name, filter, settings);
        }
    }
}
