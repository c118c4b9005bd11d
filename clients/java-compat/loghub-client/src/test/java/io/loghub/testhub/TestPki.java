package io.loghub.testhub;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.stream.Stream;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/** An authority of its own for a test, with a certificate for the hub and one for a producer, as PEM files. */
public final class TestPki {
    private final Path folder;
    private final X500Name caName = new X500Name("CN=test root");
    private final KeyPair caKey = newKey();

    /** Makes everything; the folder must exist. */
    public TestPki(Path folder) {
        this.folder = folder;
        write("ca.pem", issue(caName, caKey, null));
        leaf("server", new GeneralName(GeneralName.dNSName, "localhost"),
                new GeneralName(GeneralName.iPAddress, "127.0.0.1"));
        leaf("client", new GeneralName(GeneralName.uniformResourceIdentifier,
                "spiffe://test/tenant/acme/producer/java"));
    }

    public Path ca() {
        return folder.resolve("ca.pem");
    }

    public Path serverCert() {
        return folder.resolve("server.pem");
    }

    public Path serverKey() {
        return folder.resolve("server.key");
    }

    public Path clientCert() {
        return folder.resolve("client.pem");
    }

    public Path clientKey() {
        return folder.resolve("client.key");
    }

    /** Issues the hub's certificate anew, for a SPIFFE id alone. */
    public void nameServer(String... uris) {
        GeneralName[] names = Stream.of(uris)
                .map(uri -> new GeneralName(GeneralName.uniformResourceIdentifier, uri))
                .toArray(GeneralName[]::new);
        leaf("server", names);
    }

    /** Issues the producer's certificate anew, for this SPIFFE id. */
    public void renewClient(String uri) {
        leaf("client", new GeneralName(GeneralName.uniformResourceIdentifier, uri));
    }

    /** Writes the producer's pair as PKCS#12, with its password in a file beside it; returns the store. */
    public Path clientStore(String password) {
        try (InputStream cert = Files.newInputStream(clientCert())) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            Certificate leaf = CertificateFactory.getInstance("X.509").generateCertificate(cert);
            String pem = Files.readString(clientKey()).replaceAll("-----.*-----|\\s", "");
            PKCS8EncodedKeySpec key = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem));
            store.setKeyEntry("client", KeyFactory.getInstance("EC").generatePrivate(key), password.toCharArray(),
                    new Certificate[] {leaf});
            return write(store, "client.p12", password);
        } catch (IOException | GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Writes the authority's certificate as PKCS#12, with its password in a file beside it; returns the store. */
    public Path trustStore(String password) {
        try (InputStream cert = Files.newInputStream(ca())) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(cert));
            return write(store, "trust.p12", password);
        } catch (IOException | GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Returns where the password of a store is written. */
    public static Path passwordOf(Path store) {
        return store.resolveSibling(store.getFileName() + ".password");
    }

    private Path write(KeyStore store, String name, String password) throws IOException, GeneralSecurityException {
        Path file = folder.resolve(name);
        try (OutputStream out = Files.newOutputStream(file)) {
            store.store(out, password.toCharArray());
        }
        Files.writeString(passwordOf(file), password + "\n");
        return file;
    }

    private void leaf(String name, GeneralName... names) {
        KeyPair key = newKey();
        write(name + ".pem", issue(new X500Name("CN=" + name), key, new GeneralNames(names)));
        try {
            write(name + ".key", new JcaPKCS8Generator(key.getPrivate(), null));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private static KeyPair newKey() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Issues a leaf for these names, or the root where there are none. */
    private X509Certificate issue(X500Name subject, KeyPair key, GeneralNames names) {
        Instant now = Instant.now();
        X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                caName,
                BigInteger.valueOf(System.nanoTime()),
                Date.from(now.minus(Duration.ofMinutes(5))),
                Date.from(now.plus(Duration.ofDays(1))),
                subject,
                key.getPublic());
        try {
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(names == null));
            if (names != null) {
                builder.addExtension(Extension.subjectAlternativeName, false, names);
            }
            return new JcaX509CertificateConverter()
                    .getCertificate(builder.build(
                            new JcaContentSignerBuilder("SHA256withECDSA").build(caKey.getPrivate())));
        } catch (GeneralSecurityException | OperatorCreationException | CertIOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private void write(String name, Object pem) {
        StringWriter text = new StringWriter();
        try {
            try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
                writer.writeObject(pem);
            }
            Files.writeString(folder.resolve(name), text.toString());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
