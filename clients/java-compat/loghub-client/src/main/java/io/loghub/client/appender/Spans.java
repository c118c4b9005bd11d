package io.loghub.client.appender;

/** Finds the span that is open on a thread. */
interface Spans {
    /** Sets its ids on the event, where there is one. */
    void capture(CapturedEvent event);

    /** Returns OpenTelemetry's, or where its API is not on the class path, none. */
    static Spans find() {
        try {
            return OpenTelemetrySpans.create();
        } catch (LinkageError absent) {
            return event -> {};
        }
    }
}
