package io.loghub.testhub;

import com.google.protobuf.Duration;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.loghub.v1.Ack;
import io.loghub.v1.Batch;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.Hello;
import io.loghub.v1.HubGoodbye;
import io.loghub.v1.HubMessage;
import io.loghub.v1.IngestGrpc;
import io.loghub.v1.Limits;
import io.loghub.v1.Nack;
import io.loghub.v1.ProducerMessage;
import io.loghub.v1.RecordError;
import io.loghub.v1.Welcome;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A hub whose every word is spoken by the test, so that a test reads as a dialogue. */
public final class FakeHub implements AutoCloseable {
    /** Limits that no test reaches by chance. */
    public static final Limits WIDE = Limits.newBuilder()
            .setMaxBatchBytes(4 << 20)
            .setMaxBatchRecords(10_000)
            .setMaxRecordBytes(1 << 20)
            .setMaxAttributes(128)
            .setMaxUnackedBatches(64)
            .setMaxUnackedBytes(32 << 20)
            .build();

    private static final long PATIENCE_SECONDS = 20;

    private final BlockingQueue<Stream> streams = new LinkedBlockingQueue<>();
    private final TestServer server;

    /** Starts a hub on any port. */
    public FakeHub(TestPki pki) {
        this(pki, 0, "TLSv1.3");
    }

    /** Starts a hub on this port, with this version of TLS. */
    public FakeHub(TestPki pki, int port, String tls) {
        server = new TestServer(pki, new Service(), port, tls);
    }

    public int port() {
        return server.port();
    }

    public String endpoint() {
        return "localhost:" + port();
    }

    /** Waits for the next stream that a producer opens. */
    public Stream accept() {
        return take(streams, "a stream");
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

    private final class Service extends IngestGrpc.IngestImplBase {
        @Override
        public StreamObserver<ProducerMessage> stream(StreamObserver<HubMessage> answers) {
            Stream stream = new Stream(answers);
            streams.add(stream);
            return stream;
        }
    }

    /** One stream, seen from the hub. */
    public static final class Stream implements StreamObserver<ProducerMessage> {
        private static final ProducerMessage END = ProducerMessage.getDefaultInstance();

        private final BlockingQueue<ProducerMessage> heard = new LinkedBlockingQueue<>();
        private final StreamObserver<HubMessage> answers;
        private final String authorization = TestServer.AUTHORIZATION.get();

        private Stream(StreamObserver<HubMessage> answers) {
            this.answers = answers;
        }

        @Override
        public void onNext(ProducerMessage message) {
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

        /** Returns the header of that name, or "" where there was none. */
        public String authorization() {
            return authorization;
        }

        /** Waits for the next message. */
        public ProducerMessage next() {
            return take(heard, "a message");
        }

        /** Waits for the hello. */
        public Hello hello() {
            return expect(ProducerMessage.KindCase.HELLO).getHello();
        }

        /** Waits for a batch. */
        public Batch batch() {
            return expect(ProducerMessage.KindCase.BATCH).getBatch();
        }

        /** Waits for the goodbye. */
        public void goodbye() {
            expect(ProducerMessage.KindCase.GOODBYE);
        }

        /** Waits for the end of the stream. */
        public void end() {
            expect(ProducerMessage.KindCase.KIND_NOT_SET);
        }

        private ProducerMessage expect(ProducerMessage.KindCase kind) {
            ProducerMessage message = next();
            if (message.getKindCase() != kind) {
                throw new AssertionError("expected " + kind + ", heard " + message);
            }
            return message;
        }

        public Stream welcome(long lastSeq) {
            return welcome(lastSeq, WIDE);
        }

        public Stream welcome(long lastSeq, Limits limits) {
            Welcome.Builder welcome = Welcome.newBuilder().setLastSeq(lastSeq).setLimits(limits).setTenant("acme");
            answers.onNext(HubMessage.newBuilder().setWelcome(welcome).build());
            return this;
        }

        public void ack(long upToSeq, RecordError... rejected) {
            Ack.Builder ack = Ack.newBuilder().setUpToSeq(upToSeq).addAllRejected(List.of(rejected));
            answers.onNext(HubMessage.newBuilder().setAck(ack).build());
        }

        /** Refuses for now: sending again will help. */
        public void nack(long seq, Status.Code code, long retryMillis) {
            Nack.Builder nack = Nack.newBuilder().setSeq(seq).setCode(code.value()).setMessage("later");
            nack.setRetryAfter(Duration.newBuilder()
                    .setSeconds(retryMillis / 1000)
                    .setNanos((int) (retryMillis % 1000) * 1_000_000));
            answers.onNext(HubMessage.newBuilder().setNack(nack).build());
        }

        /** Refuses for good. */
        public void refuse(long seq, Status.Code code) {
            Nack.Builder nack = Nack.newBuilder().setSeq(seq).setCode(code.value()).setMessage("never");
            answers.onNext(HubMessage.newBuilder().setNack(nack).build());
        }

        public void sayGoodbye(GoodbyeReason reason, boolean reconnect) {
            HubGoodbye.Builder goodbye = HubGoodbye.newBuilder().setReason(reason).setReconnect(reconnect);
            answers.onNext(HubMessage.newBuilder().setGoodbye(goodbye).build());
        }

        /** Ends the stream in good order. */
        public void complete() {
            answers.onCompleted();
        }

        /** Breaks the stream. */
        public void fail(Status status) {
            answers.onError(status.asRuntimeException());
        }
    }
}
