package io.loghub.client.tail;

import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;

/**
 * Makes channels to the hub: TLS 1.3, never anything else.
 *
 * <p>Each connection gets a channel of its own. So renewed PEM files are taken up by themselves, and the delays between
 * attempts are ours: a channel that lives on has a backoff inside that would add to them.
 */
final class TailChannel {
    private static final String TLS = "TLSv1.3";
    private static final int KEEP_ALIVE_SECONDS = 30;
    private static final int KEEP_ALIVE_ANSWER_SECONDS = 10;
    private static final int MAX_MESSAGE_BYTES = 64 << 20;
    private static final String VERSION =
            Objects.requireNonNullElse(TailChannel.class.getPackage().getImplementationVersion(), "dev");

    private TailChannel() {}

    /** Returns a channel that is not connected yet; IOException names the PEM file that cannot be used. */
    static ManagedChannel open(LoghubTail config) throws IOException {
        return NettyChannelBuilder.forAddress(config.endpoint().host(), config.endpoint().port())
                .sslContext(sslContext(config))
                .keepAliveTime(KEEP_ALIVE_SECONDS, TimeUnit.SECONDS)
                .keepAliveTimeout(KEEP_ALIVE_ANSWER_SECONDS, TimeUnit.SECONDS)
                .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                .disableRetry()
                // What is called back does nothing but post an event, so it may run on the network's own threads.
                .directExecutor()
                .userAgent("loghub-java/" + VERSION)
                .build();
    }

    private static SslContext sslContext(LoghubTail config) throws IOException {
        SslContextBuilder context = GrpcSslContexts.forClient().protocols(TLS);
        Path used = null;
        try {
            if (config.caFile() != null) {
                used = readable(config.caFile());
                context.trustManager(used.toFile());
            }
            if (config.certFile() != null) {
                readable(config.certFile());
                used = readable(config.keyFile());
                context.keyManager(config.certFile().toFile(), used.toFile());
            }
            return context.build();
        } catch (IllegalArgumentException | SSLException unusable) {
            throw new IOException(
                    used + ", or what belongs to it, is not usable PEM (a key must be PKCS#8): "
                            + Outcome.rootText(unusable),
                    unusable);
        }
    }

    private static Path readable(Path file) throws NoSuchFileException {
        if (!Files.isReadable(file)) {
            throw new NoSuchFileException(file.toString(), null, "is not there or cannot be read");
        }
        return file;
    }
}
