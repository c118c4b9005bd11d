package io.loghub.client.tail;

import io.loghub.v1.ErrorCode;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Which token the hub knows, and when to ask for another; for the loop's thread only. */
final class TokenKeeper {
    private static final long FOREVER = Long.MAX_VALUE / 4;
    // Between two questions for a fresh token, while the old one holds.
    private static final long AGAIN_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final Supplier<String> supplier;
    private String current = "";
    private boolean expiring;
    private long askAt;

    /**
     * Is made for a supplier.
     *
     * @param supplier null: there are no tokens
     */
    TokenKeeper(Supplier<String> supplier) {
        this.supplier = supplier;
    }

    /** Returns the token for a new connection; empty: none. Throws what the supplier throws. */
    String forConnection() {
        expiring = false;
        current = ask();
        return current;
    }

    /** Returns whether there is another token than that of the last connection. Throws what the supplier throws. */
    boolean hasOther() {
        return !ask().equals(current);
    }

    /** Takes note that the token is about to expire. */
    void expiring(long now) {
        expiring = supplier != null;
        askAt = now;
    }

    /** Takes note that the hub did not take a token. */
    void refused(ErrorCode code, long now) {
        if (code == ErrorCode.ERROR_CODE_BAD_TOKEN || code == ErrorCode.ERROR_CODE_FORBIDDEN) {
            expiring = supplier != null;
            askAt = now + AGAIN_NANOS;
        }
    }

    boolean isDue(long now) {
        return expiring && now - askAt >= 0;
    }

    long nanosUntilDue(long now) {
        return expiring ? askAt - now : FOREVER;
    }

    /** Returns a fresh token; empty: there is none yet, and is asked for again. Throws what the supplier throws. */
    String renewed(long now) {
        askAt = now + AGAIN_NANOS;
        String fresh = ask();
        if (fresh.equals(current)) {
            return "";
        }
        expiring = false;
        current = fresh;
        return fresh;
    }

    private String ask() {
        if (supplier == null) {
            return "";
        }
        String token = supplier.get();
        if (token == null || token.isBlank()) {
            throw new IllegalStateException("the token supplier returned none");
        }
        String bare = token.strip(); // files end with a line feed
        if (!bare.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
            throw new IllegalStateException("the token supplier returned something that is no token");
        }
        return bare;
    }
}
