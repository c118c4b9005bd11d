/** A logback appender for Kafka, as a service has one that logs through a topic and not to a hub. */
package io.loghub.sample.kafka;
