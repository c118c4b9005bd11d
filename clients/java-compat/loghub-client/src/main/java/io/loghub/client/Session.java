package io.loghub.client;

import io.grpc.CallCredentials;
import io.grpc.ManagedChannel;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.loghub.v1.Batch;
import io.loghub.v1.Hello;
import io.loghub.v1.HubMessage;
import io.loghub.v1.IngestGrpc;
import io.loghub.v1.ProducerGoodbye;
import io.loghub.v1.ProducerMessage;
import java.util.function.Consumer;

/** One connection with one stream on it; what comes back goes to {@code events}, from gRPC's threads. */
final class Session implements ClientResponseObserver<ProducerMessage, HubMessage> {
    // What may wait to be encrypted and sent: with gRPC's own 32 KiB, less than a batch, no batch is made while another
    // is being sent, and a producer that has much to send does one or the other.
    private static final int SEND_AHEAD_BYTES = 512 * 1024;

    private final ManagedChannel channel;
    private final Consumer<Event> events;
    private ClientCallStreamObserver<ProducerMessage> requests;

    /** Something that happened on a session. */
    sealed interface Event permits Said, Ended, Ready {
        Session from();
    }

    /** The hub said something. */
    record Said(Session from, HubMessage message) implements Event {}

    /** The stream is over; {@code failure} is null where the hub ended it in good order. */
    record Ended(Session from, Throwable failure) implements Event {}

    /** More may be sent. */
    record Ready(Session from) implements Event {}

    /** Begins the stream; the channel is this session's own. */
    Session(ManagedChannel channel, Consumer<Event> events) {
        this.channel = channel;
        this.events = events;
    }

    /** Opens the stream and says hello; {@code credentials} may be null. */
    void open(Hello hello, CallCredentials credentials) {
        IngestGrpc.newStub(channel)
                .withCallCredentials(credentials)
                .withOnReadyThreshold(SEND_AHEAD_BYTES)
                .stream(this);
        requests.onNext(ProducerMessage.newBuilder().setHello(hello).build());
    }

    @Override
    public void beforeStart(ClientCallStreamObserver<ProducerMessage> stream) {
        requests = stream;
        stream.setOnReadyHandler(() -> events.accept(new Ready(this)));
    }

    @Override
    public void onNext(HubMessage message) {
        events.accept(new Said(this, message));
    }

    @Override
    public void onError(Throwable failure) {
        events.accept(new Ended(this, failure));
    }

    @Override
    public void onCompleted() {
        events.accept(new Ended(this, null));
    }

    /** Returns whether sending would not pile up in memory. */
    boolean isReady() {
        return requests.isReady();
    }

    void send(Batch batch) {
        requests.onNext(ProducerMessage.newBuilder().setBatch(batch).build());
    }

    void goodbye(String reason) {
        ProducerGoodbye goodbye = ProducerGoodbye.newBuilder().setReason(reason).build();
        requests.onNext(ProducerMessage.newBuilder().setGoodbye(goodbye).build());
        requests.onCompleted();
    }

    /** Ends connection and stream at once; nothing of it is heard of any more that matters. */
    void abort() {
        channel.shutdownNow();
    }
}
