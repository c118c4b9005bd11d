/** A small orders service that logs as services do; only its {@code logback-spring.xml} knows of loghub. */
package io.loghub.sample;
