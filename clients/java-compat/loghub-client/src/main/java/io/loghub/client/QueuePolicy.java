package io.loghub.client;

/** What {@link LoghubClient#offer} does when the queue is full. Whatever is lost is counted and reported. */
public enum QueuePolicy {
    /** The record that is offered is dropped. */
    DROP_NEWEST,
    /** The oldest records that were not sent yet are dropped to make room. */
    DROP_OLDEST,
    /** The caller waits for room, at most {@link LoghubConfig#blockDeadline()}; then the record is dropped. */
    BLOCK
}
