package io.loghub.tools.samples;

import co.elastic.logging.log4j2.EcsLayout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.Layout;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.config.DefaultConfiguration;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.core.time.MutableInstant;
import org.apache.logging.log4j.layout.template.json.JsonTemplateLayout;
import org.apache.logging.log4j.message.Message;
import org.apache.logging.log4j.message.SimpleMessage;
import org.apache.logging.log4j.message.StringMapMessage;
import org.apache.logging.log4j.util.SortedArrayStringMap;

/** log4j2 with the templates that JsonTemplateLayout brings, and the layout of co.elastic.logging. */
final class Log4jSamples {
  private static final List<String> TEMPLATES =
      List.of("EcsLayout", "LogstashJsonEventLayoutV1", "JsonLayout", "GelfLayout", "GcpLayout");

  private Log4jSamples() {}

  static void write(Path folder) throws IOException {
    System.setProperty("hostName", "node-1");
    DefaultConfiguration configuration = new DefaultConfiguration();
    configuration.getProperties().put("hostName", "node-1");
    for (String template : TEMPLATES) {
      JsonTemplateLayout layout =
          JsonTemplateLayout.newBuilder()
              .setConfiguration(configuration)
              .setEventTemplateUri("classpath:" + template + ".json")
              .setLocationInfoEnabled(true)
              .build();
      encode(folder.resolve("log4j2-" + template + ".txt"), layout);
    }
    EcsLayout ecs = EcsLayout.newBuilder().setConfiguration(configuration).setServiceName("orders").build();
    encode(folder.resolve("ecs-log4j2.txt"), ecs);
  }

  private static void encode(Path file, Layout<?> layout) throws IOException {
    List<String> events = new ArrayList<>();
    for (Samples.Event event : Samples.events()) {
      events.add(new String(layout.toByteArray(event(event)), StandardCharsets.UTF_8));
    }
    Samples.write(file, events);
  }

  private static LogEvent event(Samples.Event event) {
    MutableInstant instant = new MutableInstant();
    instant.initFromEpochSecond(Samples.TIME.getEpochSecond(), Samples.TIME.getNano());
    SortedArrayStringMap context = new SortedArrayStringMap();
    event.mdc().forEach(context::putValue);
    return Log4jLogEvent.newBuilder()
        .setLoggerName(Samples.LOGGER)
        .setLoggerFqcn(Log4jSamples.class.getName())
        .setLevel(Level.valueOf(event.level()))
        .setMessage(message(event))
        .setThrown(event.thrown())
        .setInstant(instant)
        .setThreadName(Samples.THREAD)
        .setThreadId(31)
        .setThreadPriority(5)
        .setContextData(context)
        .setSource(new StackTraceElement(Samples.LOGGER, "accept", "OrderService.java", 12))
        .build();
  }

  private static Message message(Samples.Event event) {
    if (event.fields().isEmpty()) {
      return new SimpleMessage(event.message());
    }
    StringMapMessage fields = new StringMapMessage().with("message", event.message());
    event.fields().forEach((key, value) -> fields.put(key, String.valueOf(value)));
    return fields;
  }
}
