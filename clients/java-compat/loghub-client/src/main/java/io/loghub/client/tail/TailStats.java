package io.loghub.client.tail;

/**
 * What a subscription has brought so far.
 *
 * @param records records that the listener was told, whether or not it failed on them
 * @param lost records that gaps were reported for
 * @param listenerFailures calls that the listener failed
 * @param reconnects connections after the first
 */
public record TailStats(long records, long lost, long listenerFailures, long reconnects) {}
