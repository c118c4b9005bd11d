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
import io.loghub.v1.Nack;
import io.loghub.v1.Welcome;
import java.io.IOException;
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
    private final String producerId;
    private final RecordQueue queue;
    private final Counters counters;
    private final Reporter reporter;
    private final Connector connector;
    private final Backoff backoff;
    private final Journal journal;
    private final Outbox outbox;
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
    private long lookAt;

    Sender(LoghubConfig config, String producerId, RecordQueue queue, Journal journal, Counters counters) {
        this.config = config;
        this.producerId = producerId;
        this.queue = queue;
        this.counters = counters;
        this.reporter = new Reporter(config.listener(), counters);
        this.connector = new Connector(config);
        this.backoff = new Backoff(
                config.backoffMin(), config.backoffMax(), bound -> ThreadLocalRandom.current().nextLong(bound));
        this.journal = journal;
        this.outbox = new Outbox(config, queue, journal, counters, reporter);
        this.connectAt = System.nanoTime();
        this.lookAt = connectAt + config.reloadInterval().toNanos();
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
        journal.close();
        sayTrouble();
        reporter.reportAllDrops();
    }

    private void step() throws InterruptedException {
        for (Event event = events.poll(); event != null; event = events.poll()) {
            if (event.from() == session) {
                handle(event);
            }
        }
        long now = System.nanoTime();
        journal.sync(now);
        sayTrouble();
        reporter.reportDrops(now);
        if (closing) {
            takeLeave(now);
        }
        if (finished) {
            return;
        }
        if (now - lookAt >= 0) {
            lookForRenewal(now);
        }
        if (session == null && now - connectAt >= 0) {
            connect(now);
        } else if (session != null && (!welcomed || outbox.hasUnacked()) && now - giveUpAt >= 0) {
            String what = welcomed ? "has not acknowledged anything" : "has not answered";
            reporter.state(hub() + " " + what + " for too long; connecting again");
            disconnect(backoff.nextNanos());
        }
        pump(now);
        queue.await(nanosToSleep(), mayMakeBatch());
    }

    private long nanosToSleep() {
        long now = System.nanoTime();
        long sleep = Math.min(reporter.nanosUntilReport(now), journal.nanosUntilSync(now));
        sleep = Math.min(sleep, lookAt - now);
        if (session == null) {
            sleep = Math.min(sleep, connectAt - now);
        } else if (!welcomed || outbox.hasUnacked()) {
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
        return maySend() && outbox.wantsBatch();
    }

    private void pump(long now) {
        while (maySend()) {
            if (mayMakeBatch() && queue.isDue()) {
                outbox.makeBatch();
            }
            boolean first = !outbox.hasUnacked();
            Held next = outbox.next();
            if (next == null) {
                return;
            }
            if (first) {
                giveUpAt = now + config.ackDeadline().toNanos();
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
        outbox.welcome(welcome);
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
        outbox.acked(ack);
    }

    private void nacked(Nack nack) {
        heard();
        boolean echo = nack.getCode() == FAILED_PRECONDITION && nack.getSeq() == wentBackTo;
        if (echo || outbox.isUnsent(nack.getSeq())) {
            return; // answers what was sent before the stream went back
        }
        int records = outbox.records(nack.getSeq());
        if (records == 0) {
            reporter.state(hub() + " asks for batch " + nack.getSeq() + ", which is settled; connecting again");
            disconnect(backoff.nextNanos());
            return;
        }
        wentBackTo = nack.getSeq();
        if (nack.hasRetryAfter()) {
            outbox.goBack(nack.getSeq());
            // Out of order is mended by going back; anything else lasts, whatever short delay the hub names.
            long least = nack.getCode() == FAILED_PRECONDITION ? 0 : backoff.nextNanos();
            pausedUntil = System.nanoTime() + Math.max(least, nanos(nack.getRetryAfter()));
        } else if (nack.getCode() == RESOURCE_EXHAUSTED && records > 1) {
            outbox.split(nack.getSeq());
        } else {
            outbox.drop(nack.getSeq(), nack.getMessage());
        }
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
        if (saidGoodbye && outbox.isEmpty()) {
            finished = true;
            return;
        }
        String why = failure == null ? "it ended the stream" : Failure.text(failure, connector.identity());
        boolean distrust = failure != null && Failure.isDistrust(failure);
        String next = distrust ? "; trying again slowly, or when the files change" : "; trying again";
        reporter.state((welcomed ? "lost " : "cannot reach ") + hub() + ": " + why + next);
        if (System.nanoTime() - sessionSince >= config.backoffMax().toNanos()) {
            backoff.reset(); // an idle stream has nothing acknowledged, but it lasted
        }
        disconnect(distrust ? backoff.slowNanos() : backoff.nextNanos());
    }

    // --- connecting and leaving ------------------------------------------------------------------------------------

    private void connect(long now) {
        sessionSince = now;
        giveUpAt = now + config.connectDeadline().toNanos();
        Hello hello = Hello.newBuilder()
                .setProducerId(producerId)
                .setClient(LoghubClient.PROGRAM)
                .setNextSeq(outbox.helloSeq())
                .build();
        try {
            session = new Session(connector.open(), this::post);
            session.open(hello, connector.credentials());
        } catch (IOException unusable) {
            reporter.state("cannot connect to " + hub() + ": " + unusable.getMessage() + "; trying again");
            disconnect(backoff.nextNanos());
        }
    }

    /** Connects anew when certificate, key, authority or token were renewed: nothing is lost by it, nor doubled. */
    private void lookForRenewal(long now) {
        lookAt = now + config.reloadInterval().toNanos();
        if (!connector.filesChanged()) {
            return;
        }
        if (session == null) {
            connectAt = now;
            return;
        }
        try {
            connector.check();
        } catch (IOException unusable) {
            reporter.state("the renewed files cannot be used, and the connection stays: " + unusable.getMessage());
            return;
        }
        reporter.state("the files were renewed: connecting to " + hub() + " anew");
        disconnect(0);
    }

    private void sayTrouble() {
        String trouble = journal.trouble();
        if (trouble != null) {
            reporter.state(trouble);
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
        boolean done = outbox.isEmpty();
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
