/**
 * Sends log records to a loghub hub.
 *
 * <p>{@link io.loghub.client.LoghubClient} is the way in. Inside, application threads put records into a bounded
 * {@code RecordQueue}; one thread, the {@code Sender}, takes them out in batches and runs the protocol. What must be
 * sent, sent again or given up is decided by {@code Window}, which does no I/O; {@code Session} carries messages and
 * reports what comes back as events. gRPC's threads only post events, so nothing but the sender touches that state.
 *
 * <p>Where the records wait is a {@code Store}: in memory, or in a {@code Spool} on disk, whose {@code Journal} remembers
 * how batches were numbered, so that the next life of the program can go on.
 */
package io.loghub.client;
