package io.loghub.client;

import java.net.Socket;
import java.security.cert.CertificateException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.X509ExtendedTrustManager;

/**
 * Judges the hub's certificate: issued by the authority, and for the host that was asked for or, where a SPIFFE id is
 * expected, with exactly that one and no other. A refusal says what was expected and what was found.
 */
final class HubTrust extends X509ExtendedTrustManager {
    /** What every refusal begins with. */
    static final String DISTRUST = "the hub's certificate is not the one expected: ";

    private static final int URI_NAME = 6;

    private final X509ExtendedTrustManager authority;
    private final String authorityFile;
    private final String host;
    private final String spiffeId;

    /** Trusts what {@code authority} does; {@code spiffeId} is empty where the host's name is what counts. */
    HubTrust(X509ExtendedTrustManager authority, String authorityFile, String host, String spiffeId) {
        this.authority = authority;
        this.authorityFile = authorityFile;
        this.host = host;
        this.spiffeId = spiffeId;
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        try {
            if (spiffeId.isEmpty()) {
                authority.checkServerTrusted(chain, authType, engine);
            } else {
                authority.checkServerTrusted(chain, authType); // no engine: whatever the host is called
                requireId(chain[0]);
            }
        } catch (CertificateException wrong) {
            // Without a cause: the last of the chain is what is said.
            throw new CertificateException(DISTRUST + expected() + ", found " + describe(chain[0]) + " ("
                    + Failure.rootText(wrong) + ")");
        }
    }

    private void requireId(X509Certificate leaf) throws CertificateException {
        List<String> ids = names(leaf, URI_NAME);
        if (!ids.equals(List.of(spiffeId))) {
            throw new CertificateException("its URI names are " + ids);
        }
    }

    private String expected() {
        return (spiffeId.isEmpty() ? "for " + host : spiffeId) + ", issued by an authority in " + authorityFile;
    }

    /** Returns subject alternative names or else the subject, the issuer and the end of a certificate, for a person. */
    static String describe(X509Certificate certificate) {
        List<String> names = names(certificate, -1);
        return (names.isEmpty() ? certificate.getSubjectX500Principal().getName() : String.join(" ", names))
                + " issued by " + certificate.getIssuerX500Principal().getName()
                + ", valid until " + certificate.getNotAfter().toInstant();
    }

    /** Returns the alternative names of a kind (RFC 5280, GeneralName), or all for -1. */
    private static List<String> names(X509Certificate certificate, int kind) {
        try {
            Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            if (names == null) {
                return List.of();
            }
            return names.stream()
                    .filter(name -> kind < 0 || name.get(0).equals(kind))
                    .map(name -> String.valueOf(name.get(1)))
                    .collect(Collectors.toCollection(ArrayList::new));
        } catch (CertificateParsingException broken) {
            return List.of();
        }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw unsupported();
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        throw unsupported();
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw unsupported();
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket)
            throws CertificateException {
        throw unsupported();
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine)
            throws CertificateException {
        throw unsupported();
    }

    // Without the engine the host would go unchecked.
    private static CertificateException unsupported() {
        return new CertificateException("only a hub is judged here, and over its engine");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return authority.getAcceptedIssuers();
    }
}
