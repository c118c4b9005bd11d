/** Sends Log4j's events to a hub: the {@code Loghub} element of {@code log4j2.xml}. */
package io.loghub.log4j2;
