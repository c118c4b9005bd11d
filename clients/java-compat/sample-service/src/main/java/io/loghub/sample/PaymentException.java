package io.loghub.sample;

/** An order could not be paid. */
class PaymentException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PaymentException(String message, Throwable cause) {
        super(message, cause);
    }
}
