package io.loghub.testhub;

import com.google.protobuf.Duration;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.loghub.v1.Ack;
import io.loghub.v1.Batch;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.HubGoodbye;
import io.loghub.v1.HubMessage;
import io.loghub.v1.IngestGrpc;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Nack;
import io.loghub.v1.ProducerMessage;
import io.loghub.v1.Welcome;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * A hub that keeps what it is sent, by the rules of {@code ingest.proto}, and what it keeps outlives {@link #kill}:
 * {@link #start} begins another life on the same port.
 */
public final class StoringHub implements AutoCloseable {
    private final TestPki pki;
    private final List<LogRecord> stored = new ArrayList<>();
    private IntConsumer onStored = count -> {};
    private long lastSeq;
    private int port;
    private TestServer server;
    private Object life;

    /** Starts a hub that takes one producer. */
    public StoringHub(TestPki pki) {
        this.pki = pki;
        start();
    }

    public String endpoint() {
        return "127.0.0.1:" + port;
    }

    /** Begins to serve, where it is not. */
    public synchronized void start() {
        life = new Object();
        server = new TestServer(pki, new Service(), port, "TLSv1.3");
        port = server.port();
    }

    /** Ends at once, with batches half way: some stored and not acknowledged, some neither. */
    public void kill() {
        TestServer old;
        synchronized (this) {
            life = null;
            old = server;
        }
        old.close();
    }

    /** Sets who is told, before the acknowledgement, how many records are stored. */
    public synchronized void onStored(IntConsumer hearer) {
        onStored = hearer;
    }

    /** Returns what is stored, in order. */
    public synchronized List<LogRecord> stored() {
        return List.copyOf(stored);
    }

    @Override
    public void close() {
        kill();
    }

    private synchronized void answer(Object mine, StreamObserver<HubMessage> answers, ProducerMessage message) {
        if (life != mine) {
            return;
        }
        switch (message.getKindCase()) {
            case HELLO -> {
                lastSeq = Math.max(lastSeq, message.getHello().getNextSeq() - 1);
                Welcome.Builder welcome =
                        Welcome.newBuilder().setLastSeq(lastSeq).setLimits(FakeHub.WIDE).setTenant("acme");
                answers.onNext(HubMessage.newBuilder().setWelcome(welcome).build());
            }
            case BATCH -> store(answers, message.getBatch());
            case GOODBYE -> {
                HubGoodbye.Builder goodbye = HubGoodbye.newBuilder().setReason(GoodbyeReason.GOODBYE_REASON_DONE);
                answers.onNext(HubMessage.newBuilder().setGoodbye(goodbye).build());
                answers.onCompleted();
            }
            case KIND_NOT_SET -> answers.onError(Status.INVALID_ARGUMENT.asRuntimeException());
        }
    }

    private void store(StreamObserver<HubMessage> answers, Batch batch) {
        if (batch.getSeq() > lastSeq + 1) {
            Nack.Builder nack = Nack.newBuilder()
                    .setSeq(lastSeq + 1)
                    .setCode(Status.Code.FAILED_PRECONDITION.value())
                    .setRetryAfter(Duration.getDefaultInstance());
            answers.onNext(HubMessage.newBuilder().setNack(nack).build());
            return;
        }
        if (batch.getSeq() == lastSeq + 1) {
            lastSeq = batch.getSeq();
            stored.addAll(batch.getRecordsList());
            onStored.accept(stored.size());
        }
        if (life != null) {
            Ack.Builder ack = Ack.newBuilder().setUpToSeq(batch.getSeq());
            answers.onNext(HubMessage.newBuilder().setAck(ack).build());
        }
    }

    private final class Service extends IngestGrpc.IngestImplBase {
        private final Object mine = life;

        @Override
        public StreamObserver<ProducerMessage> stream(StreamObserver<HubMessage> answers) {
            return new StreamObserver<>() {
                @Override
                public void onNext(ProducerMessage message) {
                    answer(mine, answers, message);
                }

                @Override
                public void onError(Throwable failure) {
                    // The producer is gone; it will come back.
                }

                @Override
                public void onCompleted() {
                    // The goodbye has ended the stream.
                }
            };
        }
    }
}
