package io.loghub.sample;

import java.net.SocketTimeoutException;

/** A payment provider that fails now and then. */
final class PaymentGateway {
    /** Takes the money; PaymentException, with its cause, for every order that the provider fails. */
    void charge(long orderId, double amount, boolean fails) {
        try {
            call(fails);
        } catch (SocketTimeoutException timeout) {
            throw new PaymentException(
                    "order %d: payment of %.2f EUR not confirmed".formatted(orderId, amount), timeout);
        }
    }

    private static void call(boolean fails) throws SocketTimeoutException {
        if (fails) {
            throw new SocketTimeoutException("payment provider did not answer within 2000 ms");
        }
    }
}
