package io.loghub.client;

import io.grpc.Status;
import java.security.cert.CertificateException;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;

/** Says in one line, that stays the same while the failure does, why a connection ended. */
final class Failure {
    // Causes may form a ring.
    private static final int MAX_DEPTH = 20;
    // BoringSSL's names of alerts and of a version that is not spoken, and the JDK's.
    private static final Pattern SAID_BY_PEER = Pattern.compile("(?i)alert|protocol");

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

    private static boolean isTls(Throwable failure) {
        return anyCause(failure, cause -> cause instanceof SSLException);
    }

    /**
     * Returns whether one side said that it does not trust the other, or does not speak its TLS, which a quick retry will
     * not mend. A handshake that a hub's end or the network cut short is not among these.
     */
    static boolean isDistrust(Throwable failure) {
        return anyCause(failure, cause -> cause instanceof CertificateException
                || cause instanceof SSLException && SAID_BY_PEER.matcher(String.valueOf(cause.getMessage())).find());
    }

    private static boolean anyCause(Throwable failure, Predicate<Throwable> wanted) {
        Throwable cause = failure;
        for (int i = 0; i < MAX_DEPTH && cause != null; i++) {
            if (wanted.test(cause)) {
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
