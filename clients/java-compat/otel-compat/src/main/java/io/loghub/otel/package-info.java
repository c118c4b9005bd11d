/** What a service does that logs through OpenTelemetry's SDK, to see that the hub takes it. */
package io.loghub.otel;
