package io.loghub.client.tail;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.loghub.v1.Error;
import io.loghub.v1.ErrorCode;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.TailGoodbye;
import java.util.concurrent.TimeUnit;

/**
 * What to do when a connection has ended, or the hub refused what was asked for.
 *
 * @param next whether to come back
 * @param leastNanos how long to wait before that at least, as the hub asks; 0: it does not
 * @param reason in words for a person, the same while the failure is
 */
record Outcome(Next next, long leastNanos, String reason) {
    // Causes may form a ring.
    private static final int MAX_DEPTH = 20;

    enum Next {
        /** Come back, at the cursor. */
        RETRY,
        /** Come back, but only with another token than the one that was refused. */
        RENEW,
        /** All is done. */
        DONE,
        /** Coming back unchanged does not help. */
        FAIL
    }

    /** Judges the hub's goodbye. */
    static Outcome of(TailGoodbye goodbye) {
        String reason = goodbye.getMessage().isEmpty() ? goodbye.getReason().name() : goodbye.getMessage();
        Next next = Next.FAIL;
        if (goodbye.getReconnect()) {
            next = Next.RETRY;
        } else if (goodbye.getReason() == GoodbyeReason.GOODBYE_REASON_EXPIRED) {
            // Files are read and the token is asked for anew; where that gives nothing fresh, the hub refuses the call.
            next = Next.RETRY;
        } else if (goodbye.getReason() == GoodbyeReason.GOODBYE_REASON_DONE) {
            next = Next.DONE;
        }
        return new Outcome(next, nanos(goodbye.getRetryAfter()), reason);
    }

    /** Judges an error that names the subscription. */
    static Outcome of(Error error) {
        boolean passes = error.hasRetryAfter() || error.getCode() == ErrorCode.ERROR_CODE_INTERNAL;
        return new Outcome(passes ? Next.RETRY : Next.FAIL, nanos(error.getRetryAfter()), error.getMessage());
    }

    /** Judges the end of a call; null: the hub ended it in good order, and without a goodbye. */
    static Outcome of(Throwable failure) {
        if (failure == null) {
            return new Outcome(Next.RETRY, 0, "it ended the call");
        }
        Status status = Status.fromThrowable(failure);
        Next next = switch (status.getCode()) {
            case UNAUTHENTICATED -> Next.RENEW;
            case PERMISSION_DENIED, INVALID_ARGUMENT, UNIMPLEMENTED -> Next.FAIL;
            default -> Next.RETRY;
        };
        String said = status.getDescription() == null ? "" : ": " + firstLine(status.getDescription());
        String root = status.getCause() == null ? "" : " (" + rootText(status.getCause()) + ")";
        return new Outcome(next, retryAfter(failure), status.getCode() + said + root);
    }

    private static long retryAfter(Throwable failure) {
        com.google.rpc.Status details = StatusProto.fromThrowable(failure);
        if (details == null) {
            return 0;
        }
        for (Any detail : details.getDetailsList()) {
            if (detail.is(RetryInfo.class)) {
                try {
                    return nanos(detail.unpack(RetryInfo.class).getRetryDelay());
                } catch (InvalidProtocolBufferException garbled) {
                    return 0; // our own delay will do
                }
            }
        }
        return 0;
    }

    static String rootText(Throwable failure) {
        Throwable root = failure;
        for (int i = 0; i < MAX_DEPTH && root.getCause() != null; i++) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.getClass().getSimpleName() : firstLine(root.getMessage());
    }

    // gRPC appends its channel's pipeline to some descriptions.
    private static String firstLine(String text) {
        return text.lines().findFirst().orElse("");
    }

    private static long nanos(Duration duration) {
        long seconds = Math.max(0, Math.min(duration.getSeconds(), TimeUnit.DAYS.toSeconds(1)));
        return TimeUnit.SECONDS.toNanos(seconds) + Math.max(0, duration.getNanos());
    }
}
