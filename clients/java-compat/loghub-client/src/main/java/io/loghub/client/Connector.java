package io.loghub.client;

import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.loghub.client.internal.Endpoint;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Makes channels to the hub: TLS 1.3 with a client certificate, never anything else.
 *
 * <p>Each connection gets a channel of its own. So renewed files are taken up by themselves, and the delays between
 * attempts are ours: a channel that lives on has a backoff inside that would add to them.
 */
final class Connector {
    private static final String TLS = "TLSv1.3";
    private static final int KEEP_ALIVE_SECONDS = 30;
    private static final int KEEP_ALIVE_ANSWER_SECONDS = 10;

    private final LoghubConfig config;
    private final TlsFiles files;
    private List<Object> stamps = List.of();

    Connector(LoghubConfig config) {
        this.config = config;
        this.files = new TlsFiles(config);
    }

    /** Returns a channel that is not connected yet; IOException names the file that cannot be used. */
    ManagedChannel open() throws IOException {
        stamps = files.stamps(); // before they are read: a change in between is seen later
        Endpoint endpoint = config.endpoint();
        return NettyChannelBuilder.forAddress(endpoint.host(), endpoint.port())
                .sslContext(sslContext())
                .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
                .keepAliveTimeout(KEEP_ALIVE_ANSWER_SECONDS, TimeUnit.SECONDS)
                .keepAliveWithoutCalls(true)
                .disableRetry()
                // What is called back does nothing but post an event, so it may run on the network's own threads.
                .directExecutor()
                .userAgent(LoghubClient.PROGRAM)
                .build();
    }

    /** Returns the token for a stream, or null where none is set; IOException where it cannot be read. */
    CallCredentials credentials() throws IOException {
        if (config.tokenFile() == null) {
            return null;
        }
        String token = Files.readString(config.tokenFile(), StandardCharsets.US_ASCII).strip();
        if (token.isEmpty() || !token.chars().allMatch(c -> c > ' ' && c < 0x7f)) {
            throw new IOException(config.tokenFile() + " holds no token");
        }
        return new BearerToken(token);
    }

    /** Returns whether a file is another than at the last connection or check. */
    boolean filesChanged() {
        return !files.stamps().equals(stamps);
    }

    /** Checks that a connection could be made with the files as they are now; IOException says what is wrong. */
    void check() throws IOException {
        stamps = files.stamps();
        sslContext();
        credentials();
    }

    /** Returns who this client claims to be, in words. */
    String identity() {
        return files.identity();
    }

    private SslContext sslContext() throws IOException {
        files.requireReadable();
        try {
            SslContextBuilder context = GrpcSslContexts.forClient().trustManager(files.trust());
            files.addIdentity(context);
            return context.protocols(TLS).build();
        } catch (IOException | GeneralSecurityException | IllegalArgumentException unusable) {
            String form = config.keyStore() == null
                    ? config.caFile() + ", " + config.certFile() + " or " + config.keyFile()
                            + " is not usable PEM (the key must be PKCS#8): "
                    : config.keyStore() + " or the trusted certificates are not usable: ";
            throw new IOException(form + Failure.rootText(unusable), unusable);
        }
    }
}
