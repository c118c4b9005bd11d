package io.loghub.otel;

import static java.util.concurrent.TimeUnit.SECONDS;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.exporter.otlp.http.logs.OtlpHttpLogRecordExporter;
import io.opentelemetry.exporter.otlp.logs.OtlpGrpcLogRecordExporter;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.resources.Resource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Logs numbered records through OpenTelemetry's SDK, every hundredth with an exception as an error, and ends when all
 * were taken: with 1 where an export failed.
 *
 * <p>usage: OtelLoad grpc|http ENDPOINT CA CERT KEY COUNT
 */
public final class OtelLoad {
    private static final String TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final String SPAN_ID = "00f067aa0ba902b7";
    private static final int MOST_QUEUED = 100_000;
    private static final int EVERY = 100;
    private static final int ARGUMENTS = 6;

    private OtelLoad() {}

    /** Logs as the command line says. */
    public static void main(String... args) throws IOException {
        if (args.length != ARGUMENTS) {
            throw new IllegalArgumentException("usage: OtelLoad grpc|http ENDPOINT CA CERT KEY COUNT");
        }
        LogRecordExporter exporter = exporter(args);
        BatchLogRecordProcessor processor =
                BatchLogRecordProcessor.builder(exporter).setMaxQueueSize(MOST_QUEUED).build();
        SdkLoggerProvider provider = SdkLoggerProvider.builder()
                .setResource(Resource.create(Attributes.builder()
                        .put("service.name", "otel-java")
                        .put("deployment.environment.name", "test")
                        .build()))
                .addLogRecordProcessor(processor)
                .build();
        log(provider.get("com.example.Orders"), Integer.parseInt(args[ARGUMENTS - 1]));
        CompletableResultCode flushed = processor.forceFlush().join(60, SECONDS);
        provider.shutdown().join(10, SECONDS);
        System.out.println(flushed.isSuccess() ? "delivered" : "failed");
        System.exit(flushed.isSuccess() ? 0 : 1);
    }

    /** An exporter that is given nothing but an endpoint and certificates. */
    private static LogRecordExporter exporter(String... args) throws IOException {
        byte[] ca = Files.readAllBytes(Path.of(args[2]));
        byte[] cert = Files.readAllBytes(Path.of(args[3]));
        byte[] key = Files.readAllBytes(Path.of(args[4]));
        if ("grpc".equals(args[0])) {
            return OtlpGrpcLogRecordExporter.builder()
                    .setEndpoint(args[1])
                    .setTrustedCertificates(ca)
                    .setClientTls(key, cert)
                    .build();
        }
        return OtlpHttpLogRecordExporter.builder()
                .setEndpoint(args[1] + "/v1/logs")
                .setTrustedCertificates(ca)
                .setClientTls(key, cert)
                .setCompression("gzip")
                .build();
    }

    private static void log(Logger logger, int count) {
        SpanContext span = SpanContext.create(TRACE_ID, SPAN_ID, TraceFlags.getSampled(), TraceState.getDefault());
        Context context = Context.root().with(Span.wrap(span));
        for (int n = 0; n < count; n++) {
            boolean bad = n % EVERY == 0;
            var record = logger.logRecordBuilder()
                    .setContext(context)
                    .setSeverity(bad ? Severity.ERROR : Severity.INFO)
                    .setSeverityText(bad ? "ERROR" : "INFO")
                    .setBody("order " + n)
                    .setAttribute(AttributeKey.longKey("n"), (long) n)
                    .setAttribute(AttributeKey.doubleKey("ratio"), n / 2.0)
                    .setAttribute(AttributeKey.booleanKey("bad"), bad)
                    .setAttribute(AttributeKey.stringKey("text"), "value " + n)
                    .setAttribute(AttributeKey.stringArrayKey("list"), List.of("a", "b"));
            if (bad) {
                record.setAttribute(AttributeKey.stringKey("exception.type"), "java.lang.IllegalStateException")
                        .setAttribute(AttributeKey.stringKey("exception.message"), "no stock");
            }
            record.emit();
        }
    }
}
