package io.loghub.tools.samples;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.LoggingEvent;
import ch.qos.logback.core.encoder.Encoder;
import co.elastic.logging.logback.EcsEncoder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import net.logstash.logback.encoder.LogstashEncoder;
import org.slf4j.MarkerFactory;
import org.slf4j.event.KeyValuePair;

/** logback with the encoders of co.elastic.logging and of net.logstash.logback. */
final class LogbackSamples {
  private LogbackSamples() {}

  static void write(Path folder) throws IOException {
    LoggerContext context = new LoggerContext();
    context.start();
    context.putProperty("app", "orders");

    EcsEncoder ecs = new EcsEncoder();
    ecs.setServiceName("orders");
    ecs.setServiceVersion("1.2.3");
    ecs.setServiceEnvironment("test");
    ecs.setIncludeMarkers(true);
    ecs.setIncludeOrigin(true);
    encode(folder.resolve("ecs-logback.txt"), context, ecs);

    EcsEncoder array = new EcsEncoder();
    array.setServiceName("orders");
    array.setStackTraceAsArray(true);
    encode(folder.resolve("ecs-logback-array.txt"), context, array);

    LogstashEncoder logstash = new LogstashEncoder();
    logstash.setCustomFields("{\"service\":\"orders\",\"build\":{\"number\":12}}");
    logstash.setTimeZone("UTC");
    logstash.setIncludeCallerData(true);
    encode(folder.resolve("logstash-logback.txt"), context, logstash);
  }

  private static void encode(Path file, LoggerContext context, Encoder<ILoggingEvent> encoder) throws IOException {
    encoder.setContext(context);
    encoder.start();
    Logger logger = context.getLogger(Samples.LOGGER);
    List<String> events = new ArrayList<>();
    for (Samples.Event event : Samples.events()) {
      events.add(new String(encoder.encode(event(logger, event)), StandardCharsets.UTF_8));
    }
    Samples.write(file, events);
  }

  private static LoggingEvent event(Logger logger, Samples.Event event) {
    LoggingEvent made =
        new LoggingEvent(
            Logger.class.getName(), logger, Level.toLevel(event.level()), event.message(), event.thrown(), null);
    made.setInstant(Samples.TIME);
    made.setThreadName(Samples.THREAD);
    made.setMDCPropertyMap(event.mdc());
    made.setCallerData(
        new StackTraceElement[] {new StackTraceElement(Samples.LOGGER, "accept", "OrderService.java", 12)});
    if (!event.fields().isEmpty()) {
      made.addMarker(MarkerFactory.getMarker("AUDIT"));
      event.fields().forEach((key, value) -> made.addKeyValuePair(new KeyValuePair(key, value)));
    }
    return made;
  }
}
