package io.loghub.testhub;

import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/** A gRPC server on loopback that asks for a client certificate, as a hub does. */
final class TestServer implements AutoCloseable {
    private static final int MAX_MESSAGE_BYTES = 64 << 20;

    /** What the caller showed beside its certificate. */
    static final Context.Key<String> AUTHORIZATION = Context.key("authorization");

    private final Server server;

    /** Starts to serve; port 0: any. */
    TestServer(TestPki pki, BindableService service, int port, String tls) {
        try {
            SslContext context = GrpcSslContexts.forServer(pki.serverCert().toFile(), pki.serverKey().toFile())
                    .trustManager(pki.ca().toFile())
                    .clientAuth(ClientAuth.REQUIRE)
                    .protocols(tls)
                    .build();
            server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port))
                    .sslContext(context)
                    .permitKeepAliveTime(1, TimeUnit.SECONDS)
                    .permitKeepAliveWithoutCalls(true)
                    .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                    .addService(service)
                    .intercept(new Authorization())
                    .build()
                    .start();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** Keeps what a caller shows beside its certificate. */
    private static final class Authorization implements ServerInterceptor {
        private static final Metadata.Key<String> NAME =
                Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
            String shown = headers.get(NAME);
            Context context = Context.current().withValue(AUTHORIZATION, shown == null ? "" : shown);
            return Contexts.interceptCall(context, call, headers, next);
        }
    }

    int port() {
        return server.getPort();
    }

    /** Ends at once, connections and all. */
    @Override
    public void close() {
        server.shutdownNow();
        try {
            server.awaitTermination(10, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
