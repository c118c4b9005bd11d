package io.loghub.sample;

/**
 * An order.
 *
 * @param id number of the order, from 1
 * @param item what is ordered
 * @param amount price in euro
 * @param state what became of it
 */
public record Order(long id, String item, double amount, State state) {
    /** What can become of an order. */
    public enum State {
        /** Paid, and on its way. */
        CONFIRMED,
        /** Not paid, since the payment provider failed. */
        FAILED
    }
}
