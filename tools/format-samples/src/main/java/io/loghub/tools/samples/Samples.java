package io.loghub.tools.samples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes the same few events with every encoder, one file each. The output is the same in every run. */
public final class Samples {
  static final Instant TIME = Instant.parse("2024-05-01T10:11:12.345678901Z");
  static final String LOGGER = "com.example.orders.OrderService";
  static final String THREAD = "http-nio-8080-exec-8";
  static final String TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
  static final String SPAN_ID = "00f067aa0ba902b7";

  private Samples() {}

  /** An event as a service logs it; `fields` are typed key-value pairs. */
  record Event(String level, String message, Throwable thrown, Map<String, String> mdc, Map<String, Object> fields) {}

  /** The folder to write into is the only argument. */
  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    Files.createDirectories(folder);
    LogbackSamples.write(folder);
    Log4jSamples.write(folder);
    OtlpSamples.write(folder);
  }

  static List<Event> events() {
    Map<String, String> mdc = new LinkedHashMap<>();
    mdc.put("user_id", "4711");
    mdc.put("trace_id", TRACE_ID);
    mdc.put("span_id", SPAN_ID);
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("attempt", 3);
    fields.put("elapsed", 17.5);
    fields.put("big", Long.MAX_VALUE);
    fields.put("last", true);
    return List.of(
        new Event("INFO", "Order 4711 accepted in 17 ms", null, mdc, Map.of()),
        new Event("ERROR", "Order 4712 \"failed\"\n\tgrüße \u20ac \ud834\udd1e", thrown(), mdc, Map.of()),
        new Event("DEBUG", "with fields", null, Map.of(), fields),
        new Event("WARN", "half a pair: \ud834!", null, Map.of(), Map.of()),
        new Event("TRACE", "", null, Map.of(), Map.of()));
  }

  /** An exception with a cause and a suppressed one, whose stacks do not change with the machine. */
  static Throwable thrown() {
    Throwable cause = at(new IOException("broken pipe"), "write", 17);
    Throwable suppressed = at(new IllegalArgumentException("close"), "close", 42);
    Throwable whole = at(new IllegalStateException("no stock: 0 of 3\nsecond line", cause), "reserve", 7);
    whole.addSuppressed(suppressed);
    return whole;
  }

  private static Throwable at(Throwable thrown, String method, int line) {
    thrown.setStackTrace(
        new StackTraceElement[] {
          new StackTraceElement("com.example.orders.Stock", method, "Stock.java", line),
          new StackTraceElement("com.example.orders.OrderService", "accept", "OrderService.java", 99),
        });
    return thrown;
  }

  /** Writes events with an empty line between them: some encoders break theirs into lines. */
  static void write(Path file, List<String> events) throws IOException {
    Files.writeString(file, events.stream().map(String::strip).collect(Collectors.joining("\n\n", "", "\n")));
  }
}
