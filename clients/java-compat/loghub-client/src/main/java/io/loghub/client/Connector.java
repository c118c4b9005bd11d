package io.loghub.client;

import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.loghub.client.internal.Endpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;

/**
 * Makes channels to the hub: TLS 1.3 with a client certificate, never anything else.
 *
 * <p>Each connection gets a channel of its own. So renewed PEM files are taken up by themselves, and the delays between
 * attempts are ours: a channel that lives on has a backoff inside that would add to them.
 */
final class Connector {
    private static final String TLS = "TLSv1.3";
    private static final int KEEP_ALIVE_SECONDS = 30;
    private static final int KEEP_ALIVE_ANSWER_SECONDS = 10;

    private final LoghubConfig config;

    Connector(LoghubConfig config) {
        this.config = config;
    }

    /** Returns a channel that is not connected yet; IOException names the PEM file that cannot be used. */
    ManagedChannel open() throws IOException {
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

    private SslContext sslContext() throws IOException {
        for (Path file : new Path[] {config.caFile(), config.certFile(), config.keyFile()}) {
            if (!Files.isReadable(file)) {
                throw new NoSuchFileException(file.toString(), null, "is not there or cannot be read");
            }
        }
        try {
            return GrpcSslContexts.forClient()
                    .trustManager(config.caFile().toFile())
                    .keyManager(config.certFile().toFile(), config.keyFile().toFile())
                    .protocols(TLS)
                    .build();
        } catch (IllegalArgumentException | SSLException unusable) {
            String files = config.caFile() + ", " + config.certFile() + " or " + config.keyFile();
            throw new IOException(files + " is not usable PEM (the key must be PKCS#8): " + Failure.rootText(unusable),
                    unusable);
        }
    }
}
