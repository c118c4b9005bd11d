package io.loghub.client;

import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/** The files that say who this client is and whom it trusts: PEM or PKCS#12 (RFC 7292), read anew whenever asked. */
final class TlsFiles {
    private final LoghubConfig config;

    TlsFiles(LoghubConfig config) {
        this.config = config;
    }

    /** Names the file of this client's certificate. */
    private Path identityFile() {
        return config.keyStore() == null ? config.certFile() : config.keyStore();
    }

    private Path authorityFile() {
        return config.trustStore() == null ? config.caFile() : config.trustStore();
    }

    private List<Path> all() {
        return Stream.of(
                        authorityFile(),
                        config.trustStorePasswordFile(),
                        identityFile(),
                        config.keyFile(),
                        config.keyStorePasswordFile(),
                        config.tokenFile())
                .filter(Objects::nonNull)
                .toList();
    }

    /** Returns what changes whenever one of the files does. */
    List<Object> stamps() {
        List<Object> stamps = new ArrayList<>();
        for (Path file : all()) {
            try {
                BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
                stamps.add(List.of(now.lastModifiedTime(), now.size(), String.valueOf(now.fileKey())));
            } catch (IOException missing) {
                stamps.add("");
            }
        }
        return stamps;
    }

    /** Checks that all files can be read; NoSuchFileException names one that cannot. */
    void requireReadable() throws NoSuchFileException {
        for (Path file : all()) {
            if (!Files.isReadable(file)) {
                throw new NoSuchFileException(file.toString(), null, "is not there or cannot be read");
            }
        }
    }

    /** Returns this client's certificate in words, or its file where it cannot be read. */
    String identity() {
        try {
            Certificate leaf = config.keyStore() == null ? pem(config.certFile()).get(0) : leafOf(store());
            return identityFile() + " (" + HubTrust.describe((X509Certificate) leaf) + ")";
        } catch (IOException | GeneralSecurityException | RuntimeException unreadable) {
            return identityFile().toString();
        }
    }

    private KeyStore store() throws IOException, GeneralSecurityException {
        return load(config.keyStore(), config.keyStorePasswordFile());
    }

    private static Certificate leafOf(KeyStore store) throws GeneralSecurityException, IOException {
        for (String alias : Collections.list(store.aliases())) {
            if (store.isKeyEntry(alias)) {
                return store.getCertificate(alias);
            }
        }
        throw new IOException("no key in it");
    }

    /** Sets key and certificate. */
    void addIdentity(SslContextBuilder context) throws IOException, GeneralSecurityException {
        if (config.keyStore() == null) {
            context.keyManager(config.certFile().toFile(), config.keyFile().toFile());
            return;
        }
        KeyStore store = store();
        leafOf(store);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        char[] password = password(config.keyStorePasswordFile());
        keys.init(store, password);
        Arrays.fill(password, '\0');
        context.keyManager(keys);
    }

    /** Returns who judges the hub. */
    TrustManager trust() throws IOException, GeneralSecurityException {
        KeyStore anchors = KeyStore.getInstance(KeyStore.getDefaultType());
        anchors.load(null, null);
        for (Certificate each : config.trustStore() == null ? pem(config.caFile()) : trusted()) {
            anchors.setCertificateEntry("ca" + anchors.size(), each);
        }
        if (anchors.size() == 0) {
            throw new IOException(authorityFile() + " holds no certificate of an authority");
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(anchors);
        X509ExtendedTrustManager authority = (X509ExtendedTrustManager) factory.getTrustManagers()[0];
        return new HubTrust(
                authority, authorityFile().toString(), config.endpoint().host(), config.serverSpiffeId());
    }

    private List<Certificate> trusted() throws IOException, GeneralSecurityException {
        KeyStore store = load(config.trustStore(), config.trustStorePasswordFile());
        List<Certificate> found = new ArrayList<>();
        for (String alias : Collections.list(store.aliases())) {
            if (store.isCertificateEntry(alias)) {
                found.add(store.getCertificate(alias));
            }
        }
        return found;
    }

    private static List<Certificate> pem(Path file) throws IOException, GeneralSecurityException {
        try (InputStream in = Files.newInputStream(file)) {
            Collection<? extends Certificate> found =
                    CertificateFactory.getInstance("X.509").generateCertificates(in);
            return List.copyOf(found);
        }
    }

    private static KeyStore load(Path file, Path passwordFile) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        char[] password = password(passwordFile);
        try (InputStream in = Files.newInputStream(file)) {
            store.load(in, password);
        } finally {
            Arrays.fill(password, '\0');
        }
        return store;
    }

    /** Returns the first line. */
    private static char[] password(Path file) throws IOException {
        String text = Files.readString(file, StandardCharsets.UTF_8);
        return text.lines().findFirst().orElse("").toCharArray();
    }
}
