/**
 * What the appenders of logging libraries have in common. Each library's appender reads its events into {@link
 * io.loghub.client.appender.CapturedEvent}s, takes its settings into {@link io.loghub.client.appender.AppenderSettings}
 * and leaves the rest to a {@link io.loghub.client.appender.Shipping}.
 */
package io.loghub.client.appender;
