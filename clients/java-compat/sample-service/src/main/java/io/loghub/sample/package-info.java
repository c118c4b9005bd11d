/** A small orders service that logs as services do; only the configuration of its logging knows of loghub. */
package io.loghub.sample;
