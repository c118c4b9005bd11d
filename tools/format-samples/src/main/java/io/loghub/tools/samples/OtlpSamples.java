package io.loghub.tools.samples;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.exporter.internal.otlp.logs.LogsRequestMarshaler;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.testing.logs.TestLogRecordData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The OTLP requests of the OpenTelemetry SDK's own exporter, in both encodings. */
final class OtlpSamples {
  private static final Resource RESOURCE =
      Resource.create(
          Attributes.builder()
              .put("service.name", "orders")
              .put("host.name", "node-1")
              .put("deployment.environment.name", "test")
              .put("process.pid", 4242)
              .build());
  private static final SpanContext SPAN =
      SpanContext.create(Samples.TRACE_ID, Samples.SPAN_ID, TraceFlags.getSampled(), TraceState.getDefault());

  // One object for all records: the exporter groups by identity, in no order of its own.
  private static final InstrumentationScopeInfo SCOPE =
      InstrumentationScopeInfo.builder(Samples.LOGGER)
          .setVersion("1.2.3")
          .setAttributes(Attributes.builder().put("channel", "web").build())
          .build();

  private OtlpSamples() {}

  static void write(Path folder) throws IOException {
    List<LogRecordData> records = Samples.events().stream().map(OtlpSamples::record).toList();
    LogsRequestMarshaler request = LogsRequestMarshaler.create(records);
    try (OutputStream out = Files.newOutputStream(folder.resolve("otlp.binpb"))) {
      request.writeBinaryTo(out);
    }
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    request.writeJsonTo(json);
    Files.write(folder.resolve("otlp.json"), json.toByteArray());
  }

  private static LogRecordData record(Samples.Event event) {
    long nanos = Samples.TIME.getEpochSecond() * 1_000_000_000L + Samples.TIME.getNano();
    Attributes attributes = attributes(event);
    return TestLogRecordData.builder()
        .setResource(RESOURCE)
        .setInstrumentationScopeInfo(SCOPE)
        .setTimestamp(nanos, TimeUnit.NANOSECONDS)
        .setObservedTimestamp(nanos + 1_000, TimeUnit.NANOSECONDS)
        .setSpanContext(event.mdc().isEmpty() ? SpanContext.getInvalid() : SPAN)
        .setSeverity(Severity.valueOf(event.level()))
        .setSeverityText(event.level())
        .setBody(event.message())
        .setAttributes(attributes)
        .setTotalAttributeCount(attributes.size())
        .build();
  }

  private static Attributes attributes(Samples.Event event) {
    AttributesBuilder made = Attributes.builder().put("thread.name", Samples.THREAD);
    event.mdc().forEach(made::put);
    for (Map.Entry<String, Object> field : event.fields().entrySet()) {
      if (field.getValue() instanceof Boolean value) {
        made.put(field.getKey(), value);
      } else if (field.getValue() instanceof Double value) {
        made.put(field.getKey(), value);
      } else {
        made.put(field.getKey(), ((Number) field.getValue()).longValue());
      }
    }
    if (!event.fields().isEmpty()) {
      made.put(AttributeKey.stringArrayKey("items"), List.of("a", "b"));
    }
    if (event.thrown() != null) {
      StringWriter trace = new StringWriter();
      event.thrown().printStackTrace(new PrintWriter(trace));
      made.put("exception.type", event.thrown().getClass().getName());
      made.put("exception.message", event.thrown().getMessage());
      made.put("exception.stacktrace", trace.toString());
    }
    return made.build();
  }
}
