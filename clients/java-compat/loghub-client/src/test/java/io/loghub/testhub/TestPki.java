package io.loghub.testhub;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
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
