package io.loghub.client;

import io.grpc.Status;
import javax.net.ssl.SSLException;

/** Says in one line, that stays the same while the failure does, why a connection ended. */
final class Failure {
    // Causes may form a ring.
    private static final int MAX_DEPTH = 20;

    private Failure() {}

    /** Returns the line; {@code identity} says who this client claims to be. */
    static String text(Throwable failure, String identity) {
        if (isTls(failure)) {
            String root = rootText(failure);
            return root.startsWith(HubTrust.DISTRUST)
                    ? "TLS 1.3 failed: " + root
                    : "TLS 1.3 failed (" + root + "): does the hub speak it, and trust this client, " + identity + "?";
        }
        Status status = Status.fromThrowable(failure);
        if (status.getCode() == Status.Code.UNKNOWN && status.getDescription() == null) {
            return rootText(failure);
        }
        String said = status.getDescription() == null ? "" : ": " + firstLine(status.getDescription());
        String root = status.getCause() == null ? "" : " (" + rootText(status.getCause()) + ")";
        return status.getCode() + said + root;
    }

    /** Returns whether one side does not trust the other, which a quick retry will not mend. */
    static boolean isTls(Throwable failure) {
        Throwable cause = failure;
        for (int i = 0; i < MAX_DEPTH && cause != null; i++) {
            if (cause instanceof SSLException) {
                return true;
            }
            cause = cause.getCause();
        }
        return false;
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
}
