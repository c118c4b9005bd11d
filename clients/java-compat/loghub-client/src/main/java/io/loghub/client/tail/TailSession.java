package io.loghub.client.tail;

import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import io.loghub.v1.ClientMessage;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.TailGrpc;
import java.util.function.Consumer;

/** One connection with one call on it; what comes back goes to {@code events}, from gRPC's threads. */
final class TailSession implements ClientResponseObserver<ClientMessage, ServerMessage> {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final ManagedChannel channel;
    private final int window;
    private final Consumer<TailEvent> events;
    private ClientCallStreamObserver<ClientMessage> requests;

    /**
     * Makes a session.
     *
     * @param channel this session's own
     * @param window how many messages may come before {@link #requestOne} asks for more
     */
    TailSession(ManagedChannel channel, int window, Consumer<TailEvent> events) {
        this.channel = channel;
        this.window = window;
        this.events = events;
    }

    /** Opens the call; without a token the certificate says who is asking. */
    void open(String token) {
        Metadata headers = new Metadata();
        if (!token.isEmpty()) {
            headers.put(AUTHORIZATION, "Bearer " + token);
        }
        TailGrpc.newStub(channel)
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                .tail(this);
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<ClientMessage> stream) {
        requests = stream;
        stream.disableAutoRequestWithInitial(window);
    }

    @Override
    public void onNext(ServerMessage message) {
        events.accept(new TailEvent.Said(this, message));
    }

    @Override
    public void onError(Throwable failure) {
        events.accept(new TailEvent.Ended(this, failure));
    }

    @Override
    public void onCompleted() {
        events.accept(new TailEvent.Ended(this, null));
    }

    /** Lets another message come. */
    void requestOne() {
        requests.request(1);
    }

    void send(ClientMessage message) {
        requests.onNext(message);
    }

    /** Ends connection and call at once; nothing of it is heard of any more that matters. */
    void abort() {
        channel.shutdownNow();
    }
}
