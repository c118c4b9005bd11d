package io.loghub.client;

/**
 * What became of the records so far: {@code offered = acked + rejected + dropped + pending}.
 *
 * @param offered records that were given to {@link LoghubClient#offer}
 * @param accepted those of them that the queue took
 * @param acked records that the hub has stored
 * @param rejected records that the hub refused for good
 * @param dropped records that the client gave up: at a full or closed queue, or in a batch that was refused for good
 * @param pending records that are queued or sent and not yet acknowledged
 * @param resent records that were sent again, counted each time
 * @param reconnects connections after the first
 */
public record ClientStats(
        long offered,
        long accepted,
        long acked,
        long rejected,
        long dropped,
        long pending,
        long resent,
        long reconnects) {}
