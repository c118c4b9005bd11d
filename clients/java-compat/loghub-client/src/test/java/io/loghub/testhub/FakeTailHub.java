package io.loghub.testhub;

import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import io.loghub.v1.Batch;
import io.loghub.v1.ClientMessage;
import io.loghub.v1.Error;
import io.loghub.v1.Gap;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Position;
import io.loghub.v1.Records;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.Subscribe;
import io.loghub.v1.Subscribed;
import io.loghub.v1.TailGoodbye;
import io.loghub.v1.TailGrpc;
import io.loghub.v1.TailWelcome;
import io.loghub.v1.Unsubscribed;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A hub for subscribers, whose every word is spoken by the test. Its cursors are {@code c<offset>}. */
public final class FakeTailHub implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 20;
    private static final String ID = "tail";
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private static final Context.Key<String> SHOWN = Context.key("authorization");

    private final BlockingQueue<Call> calls = new LinkedBlockingQueue<>();
    private final TestServer server;

    /** Starts a hub on any port. */
    public FakeTailHub(TestPki pki) {
        BindableService service = () -> ServerInterceptors.intercept(new Service(), new ReadAuthorization());
        server = new TestServer(pki, service, 0, "TLSv1.3");
    }

    public String endpoint() {
        return "localhost:" + server.port();
    }

    /** Waits for the next call of a subscriber. */
    public Call accept() {
        return take(calls, "a call");
    }

    /** Returns how many calls wait to be accepted. */
    public int waiting() {
        return calls.size();
    }

    @Override
    public void close() {
        server.close();
    }

    private static <T> T take(BlockingQueue<T> queue, String what) {
        try {
            T next = queue.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError(what + " did not come");
            }
            return next;
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    private static final class ReadAuthorization implements ServerInterceptor {
        @Override
        public <Q, A> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
            String shown = headers.get(AUTHORIZATION);
            Context context = Context.current().withValue(SHOWN, shown == null ? "" : shown);
            return Contexts.interceptCall(context, call, headers, next);
        }
    }

    private final class Service extends TailGrpc.TailImplBase {
        @Override
        public StreamObserver<ClientMessage> tail(StreamObserver<ServerMessage> answers) {
            Call call = new Call(answers, SHOWN.get());
            calls.add(call);
            return call;
        }
    }

    /** One call, seen from the hub. */
    public static final class Call implements StreamObserver<ClientMessage> {
        private static final ClientMessage END = ClientMessage.getDefaultInstance();

        private final BlockingQueue<ClientMessage> heard = new LinkedBlockingQueue<>();
        private final StreamObserver<ServerMessage> answers;
        private final String authorization;

        private Call(StreamObserver<ServerMessage> answers, String authorization) {
            this.answers = answers;
            this.authorization = authorization;
        }

        @Override
        public void onNext(ClientMessage message) {
            heard.add(message);
        }

        @Override
        public void onError(Throwable failure) {
            heard.add(END);
        }

        @Override
        public void onCompleted() {
            heard.add(END);
        }

        /** Returns the header of this name; empty: there was none. */
        public String authorization() {
            return authorization;
        }

        /** Waits for the next message, which must be of this kind; KIND_NOT_SET: the end of the call. */
        public ClientMessage expect(ClientMessage.KindCase kind) {
            ClientMessage message = take(heard, kind.name());
            if (message.getKindCase() != kind) {
                throw new AssertionError("expected " + kind + ", heard " + message);
            }
            return message;
        }

        /** Returns how many messages came that nobody has waited for. */
        public int unheard() {
            return heard.size();
        }

        /** Waits for the subscription. */
        public Subscribe subscribe() {
            return expect(ClientMessage.KindCase.SUBSCRIBE).getSubscribe();
        }

        /** Lets the subscriber in: a welcome, and a subscription that stands at an offset. */
        public Call confirm(long offset) {
            say(ServerMessage.newBuilder().setWelcome(TailWelcome.newBuilder().setTenant("acme")));
            say(ServerMessage.newBuilder().setSubscribed(Subscribed.newBuilder().setId(ID).setCursor("c" + offset)));
            return this;
        }

        /** Sends records with these offsets, each with its offset for its body. */
        public void records(long first, int count) {
            Batch.Builder batch = Batch.newBuilder().setFirstOffset(first).setProducerId("p");
            for (long offset = first; offset < first + count; offset++) {
                batch.addRecords(LogRecord.newBuilder().setBody(Long.toString(offset)));
            }
            Records.Builder records = Records.newBuilder().setId(ID).setCursor("c" + (first + count)).addBatches(batch);
            say(ServerMessage.newBuilder().setRecords(records));
        }

        public void position(long offset) {
            say(ServerMessage.newBuilder().setPosition(Position.newBuilder().setId(ID).setCursor("c" + offset)));
        }

        public void gap(long from, long to) {
            say(ServerMessage.newBuilder()
                    .setGap(Gap.newBuilder()
                            .setId(ID)
                            .setFromOffset(from)
                            .setToOffset(to)
                            .setCount(to - from)
                            .setCursor("c" + to)));
        }

        public void error(Error.Builder error) {
            say(ServerMessage.newBuilder().setError(error));
        }

        public void goodbye(TailGoodbye.Builder goodbye) {
            say(ServerMessage.newBuilder().setGoodbye(goodbye));
        }

        public void unsubscribed(long offset) {
            Unsubscribed.Builder unsubscribed = Unsubscribed.newBuilder().setId(ID).setCursor("c" + offset);
            say(ServerMessage.newBuilder().setUnsubscribed(unsubscribed));
        }

        public void say(ServerMessage.Builder message) {
            answers.onNext(message.build());
        }

        /** Breaks the call. */
        public void fail(StatusRuntimeException status) {
            answers.onError(status);
        }
    }
}
