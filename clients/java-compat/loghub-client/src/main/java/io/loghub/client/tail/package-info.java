/**
 * Receives a tenant's log records from a hub, live and from its log.
 *
 * <p>{@link io.loghub.client.tail.LoghubTail} is the way in. Inside, one thread, the {@code TailLoop}, runs the protocol
 * of a subscription; a second one, the {@code Deliverer}, calls the listener, so that a listener that takes its time
 * holds up neither a renewal of the token nor gRPC. Where a subscription stands and how much may still come is kept by
 * {@code Course}, and what an end means is decided by {@code Outcome}, both without I/O; {@code TailSession} carries
 * messages and reports what comes back as events.
 *
 * <p>What may be in memory is bounded twice: in records by credit, and in messages by what gRPC is asked for.
 */
package io.loghub.client.tail;
