package io.loghub.client;

import io.grpc.Status;
import javax.net.ssl.SSLException;

/** Says in one line, that stays the same while the failure does, why a connection ended. */
final class Failure {
    // Causes may form a ring.
    private static final int MAX_DEPTH = 20;

    private Failure() {}

    static String text(Throwable failure, LoghubConfig config) {
        if (isTls(failure)) {
            return "TLS 1.3 failed (" + rootText(failure) + "): is " + config.caFile()
                    + " the hub's authority, and does the hub trust " + config.certFile() + "?";
        }
        Status status = Status.fromThrowable(failure);
        if (status.getCode() == Status.Code.UNKNOWN && status.getDescription() == null) {
            return rootText(failure);
        }
        String said = status.getDescription() == null ? "" : ": " + firstLine(status.getDescription());
        String root = status.getCause() == null ? "" : " (" + rootText(status.getCause()) + ")";
        return status.getCode() + said + root;
    }

    private static boolean isTls(Throwable failure) {
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
