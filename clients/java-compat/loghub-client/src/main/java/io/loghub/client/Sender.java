package io.loghub.client;

import com.google.protobuf.Duration;
import io.loghub.client.Session.Ended;
import io.loghub.client.Session.Event;
import io.loghub.client.Session.Ready;
import io.loghub.client.Session.Said;
import io.loghub.client.Window.Held;
import io.loghub.client.internal.Backoff;
import io.loghub.v1.Ack;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.Hello;
import io.loghub.v1.HubGoodbye;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Nack;
import io.loghub.v1.Welcome;
import java.io.IOException;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * The one thread that talks to the hub: takes events, sends what may be sent, sleeps until there is more to do.
 *
 * <p>All fields but {@code events}, {@code closing} and {@code closeBy} belong to that thread. Times are of
 * {@link System#nanoTime()} and are compared by difference.
 */
final class Sender implements Runnable {
    private static final long FOREVER = Long.MAX_VALUE / 4;
    private static final long GOODBYE_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final int RESOURCE_EXHAUSTED = 8;
    private static final int FAILED_PRECONDITION = 9;

    private final LoghubConfig config;
    private final RecordQueue queue;
    private final Counters counters;
    private final Reporter reporter;
    private final Connector connector;
    private final Backoff backoff;
    private final Window window;
    private final BatchMaker maker;
    // Bounded by what the hub answers to a window of batches.
    private final Queue<Event> events = new ConcurrentLinkedQueue<>();
    private volatile long closeBy;
    private volatile boolean closing;

    private Session session;
    private boolean welcomed;
    private boolean saidGoodbye;
    private boolean everConnected;
    private boolean hurried;
    private boolean finished;
    // Where the stream went back to, until that batch is settled; 0: nowhere.
    private long wentBackTo;
    private long connectAt;
    private long pausedUntil;
    private long giveUpAt;
    private long sessionSince;

    Sender(LoghubConfig config, RecordQueue queue, Counters counters) {
        this.config = config;
        this.queue = queue;
        this.counters = counters;
        this.reporter = new Reporter(config.listener(), counters);
        this.connector = new Connector(config);
        this.backoff = new Backoff(
                config.backoffMin(), config.backoffMax(), bound -> ThreadLocalRandom.current().nextLong(bound));
        this.maker = new BatchMaker(config);
        this.window = new Window(maker.resource());
        this.connectAt = System.nanoTime();
    }

    /** Asks to send what is left and to end, by then at the latest; the queue must be closed or woken after it. */
    void closeBy(long nanoTime) {
        closeBy = nanoTime;
        closing = true;
    }

    @Override
    public void run() {
        while (!finished) {
            try {
                step();
            } catch (InterruptedException interrupted) {
                closeBy(System.nanoTime()); // nobody but a shutdown interrupts this thread
            } catch (RuntimeException | Error bug) {
                // Records must go on flowing, or the application would lose its logs over one bad moment.
                reporter.state("loghub client failed and connects again: " + bug);
                disconnect(backoff.slowNanos());
            }
        }
        queue.close();
        disconnect(FOREVER);
        reporter.reportAllDrops();
    }

    private void step() throws InterruptedException {
        for (Event event = events.poll(); event != null; event = events.poll()) {
            if (event.from() == session) {
                handle(event);
            }
        }
        long now = System.nanoTime();
        reporter.reportDrops(now);
        if (closing) {
            takeLeave(now);
        }
        if (finished) {
            return;
        }
        if (session == null && now - connectAt >= 0) {
            connect(now);
        } else if (session != null && (!welcomed || window.hasUnacked()) && now - giveUpAt >= 0) {
            String what = welcomed ? "has not acknowledged anything" : "has not answered";
            reporter.state(hub() + " " + what + " for too long; connecting again");
            disconnect(backoff.nextNanos());
        }
        pump(now);
        queue.await(nanosToSleep(), mayMakeBatch());
    }

    private long nanosToSleep() {
        long now = System.nanoTime();
        long sleep = reporter.nanosUntilReport(now);
        if (session == null) {
            sleep = Math.min(sleep, connectAt - now);
        } else if (!welcomed || window.hasUnacked()) {
            sleep = Math.min(sleep, giveUpAt - now);
        }
        if (welcomed && pausedUntil - now > 0) {
            sleep = Math.min(sleep, pausedUntil - now);
        }
        return closing ? Math.min(sleep, closeBy - now) : sleep;
    }

    // --- sending ---------------------------------------------------------------------------------------------------

    private boolean maySend() {
        return welcomed && !saidGoodbye && System.nanoTime() - pausedUntil >= 0 && session.isReady();
    }

    private boolean mayMakeBatch() {
        return maySend() && window.hasRoom() && !window.hasUnsent();
    }

    private void pump(long now) {
        while (maySend()) {
            if (mayMakeBatch() && queue.isDue()) {
                List<LogRecord> taken = queue.take(maker.maxRecords(), maker.maxBytes());
                long bytes = taken.stream().mapToLong(LogRecord::getSerializedSize).sum();
                window.append(maker.fit(taken), bytes);
            }
            boolean first = !window.hasUnacked();
            Held next = window.next();
            if (next == null) {
                return;
            }
            if (first) {
                giveUpAt = now + config.ackDeadline().toNanos();
            }
            if (!Window.isFirstSend(next)) {
                counters.resent.add(next.records().size());
            }
            session.send(next.batch());
        }
    }

    // --- hearing ---------------------------------------------------------------------------------------------------

    private void handle(Event event) {
        if (event instanceof Said said) {
            switch (said.message().getKindCase()) {
                case WELCOME -> welcome(said.message().getWelcome());
                case ACK -> acked(said.message().getAck());
                case NACK -> nacked(said.message().getNack());
                case GOODBYE -> goodbye(said.message().getGoodbye());
                case KIND_NOT_SET -> { } // a word of a newer hub
            }
        } else if (event instanceof Ended ended) {
            ended(ended.failure());
        } else {
            assert event instanceof Ready; // nothing to do but to wake up
        }
    }

    private void welcome(Welcome welcome) {
        welcomed = true;
        wentBackTo = 0;
        pausedUntil = System.nanoTime();
        maker.limit(welcome.getLimits());
        queue.setDue(maker.maxRecords(), maker.maxBytes());
        List<Held> stored =
                window.welcome(welcome.getLastSeq(), maker.maxUnackedBatches(), maker.maxUnackedBytes());
        settle(stored, Ack.getDefaultInstance());
        if (everConnected) {
            counters.reconnects.increment();
        }
        everConnected = true;
        reporter.state("connected to " + hub() + " as tenant " + welcome.getTenant());
    }

    private void acked(Ack ack) {
        heard();
        backoff.reset();
        if (ack.getUpToSeq() >= wentBackTo) {
            wentBackTo = 0;
        }
        settle(window.ack(ack.getUpToSeq()), ack);
    }

    private void settle(List<Held> batches, Ack ack) {
        for (Held batch : batches) {
            queue.release(batch.queueBytes());
            reporter.settled(batch, ack);
        }
    }

    private void nacked(Nack nack) {
        heard();
        boolean echo = nack.getCode() == FAILED_PRECONDITION && nack.getSeq() == wentBackTo;
        if (echo || window.isUnsent(nack.getSeq())) {
            return; // answers what was sent before the stream went back
        }
        int records = window.records(nack.getSeq());
        if (records == 0) {
            reporter.state(hub() + " asks for batch " + nack.getSeq() + ", which is settled; connecting again");
            disconnect(backoff.nextNanos());
            return;
        }
        wentBackTo = nack.getSeq();
        if (nack.hasRetryAfter()) {
            window.goBack(nack.getSeq());
            // Out of order is mended by going back; anything else lasts, whatever short delay the hub names.
            long least = nack.getCode() == FAILED_PRECONDITION ? 0 : backoff.nextNanos();
            pausedUntil = System.nanoTime() + Math.max(least, nanos(nack.getRetryAfter()));
        } else if (nack.getCode() == RESOURCE_EXHAUSTED && records > 1) {
            window.split(nack.getSeq());
        } else {
            drop(window.drop(nack.getSeq()), nack.getMessage());
        }
    }

    private void drop(Held batch, String reason) {
        counters.drop(batch.records().size());
        queue.release(batch.queueBytes());
        reporter.refused(reason);
    }

    private void heard() {
        giveUpAt = System.nanoTime() + config.ackDeadline().toNanos();
    }

    private void goodbye(HubGoodbye goodbye) {
        if (saidGoodbye && goodbye.getReason() == GoodbyeReason.GOODBYE_REASON_DONE) {
            finished = true;
            return;
        }
        String why = goodbye.getMessage().isEmpty() ? goodbye.getReason().name() : goodbye.getMessage();
        reporter.state(hub() + " said goodbye: " + why);
        long delay = goodbye.hasRetryAfter() ? nanos(goodbye.getRetryAfter()) : backoff.nextNanos();
        // Trying again may not help, but a certificate may be renewed: slowly, then.
        disconnect(goodbye.getReconnect() ? delay : Math.max(delay, backoff.slowNanos()));
    }

    private void ended(Throwable failure) {
        if (saidGoodbye && window.isEmpty()) {
            finished = true;
            return;
        }
        String why = failure == null ? "it ended the stream" : Failure.text(failure, config);
        reporter.state((welcomed ? "lost " : "cannot reach ") + hub() + ": " + why + "; trying again");
        if (System.nanoTime() - sessionSince >= config.backoffMax().toNanos()) {
            backoff.reset(); // an idle stream has nothing acknowledged, but it lasted
        }
        disconnect(backoff.nextNanos());
    }

    // --- connecting and leaving ------------------------------------------------------------------------------------

    private void connect(long now) {
        sessionSince = now;
        giveUpAt = now + config.connectDeadline().toNanos();
        Hello hello = Hello.newBuilder()
                .setProducerId(config.producerId())
                .setClient(LoghubClient.PROGRAM)
                .setNextSeq(window.helloSeq())
                .build();
        try {
            session = new Session(connector.open(), this::post);
            session.open(hello);
        } catch (IOException unusable) {
            reporter.state("cannot connect to " + hub() + ": " + unusable.getMessage() + "; trying again");
            disconnect(backoff.nextNanos());
        }
    }

    private void post(Event event) {
        events.add(event);
        queue.wake();
    }

    private void disconnect(long delayNanos) {
        if (session != null) {
            session.abort();
        }
        session = null;
        welcomed = false;
        saidGoodbye = false;
        connectAt = System.nanoTime() + delayNanos;
    }

    private void takeLeave(long now) {
        boolean done = window.isEmpty() && queue.isEmpty();
        if (now - closeBy >= 0 || (done && !welcomed)) {
            finished = true;
        } else if (done && !saidGoodbye) {
            session.goodbye("closed");
            saidGoodbye = true;
            // Everything is settled; the answer is only good form.
            closeBy = now + Math.min(closeBy - now, GOODBYE_NANOS);
        } else if (session == null && !hurried) {
            hurried = true;
            backoff.reset();
            connectAt = now; // the delay before was chosen when there was time
        }
    }

    private String hub() {
        return "hub " + config.endpoint();
    }

    private static long nanos(Duration duration) {
        long seconds = Math.max(0, Math.min(duration.getSeconds(), TimeUnit.DAYS.toSeconds(1)));
        return TimeUnit.SECONDS.toNanos(seconds) + Math.max(0, duration.getNanos());
    }
}
