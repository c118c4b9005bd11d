package io.loghub.client.appender;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;

/** The spans of OpenTelemetry's API, an optional dependency: nothing but {@link Spans#find} names this class. */
final class OpenTelemetrySpans implements Spans {
    private OpenTelemetrySpans() {}

    /** Returns one, or throws LinkageError where the API is absent: now, and not at the first event. */
    static Spans create() {
        Span.getInvalid();
        return new OpenTelemetrySpans();
    }

    @Override
    public void capture(CapturedEvent event) {
        SpanContext context = Span.current().getSpanContext();
        if (context.isValid()) {
            event.span(context.getTraceId(), context.getSpanId());
        }
    }
}
