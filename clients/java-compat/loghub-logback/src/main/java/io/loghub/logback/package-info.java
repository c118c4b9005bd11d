/** Sends logback's events to a hub. {@link io.loghub.logback.LoghubAppender} is what {@code logback.xml} names. */
package io.loghub.logback;
