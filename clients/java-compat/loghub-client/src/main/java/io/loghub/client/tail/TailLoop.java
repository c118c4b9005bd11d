package io.loghub.client.tail;

import io.grpc.ManagedChannel;
import io.loghub.client.internal.Backoff;
import io.loghub.v1.Auth;
import io.loghub.v1.ClientMessage;
import io.loghub.v1.Credit;
import io.loghub.v1.Error;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.Subscribe;
import io.loghub.v1.Unsubscribe;
import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/**
 * The one thread that talks to the hub for a subscription: takes events, asks for more, sleeps until there is more to do.
 *
 * <p>All fields but {@code events} and the volatile ones belong to that thread. Times are of {@link System#nanoTime()}
 * and are compared by difference.
 */
final class TailLoop implements Runnable {
    private static final long FOREVER = Long.MAX_VALUE / 4;
    // Messages that wait for the listener; when there are so many, gRPC is not asked for more, and the hub waits.
    private static final int WINDOW = 16;

    private final LoghubTail config;
    private final Backoff backoff;
    private final Course course;
    private final TokenKeeper tokens;
    // Bounded by the window, twice: each message comes and is handled.
    private final BlockingQueue<TailEvent> events = new LinkedBlockingQueue<>();
    private Deliverer deliverer;
    private volatile long closeBy;
    private volatile boolean closing;
    private volatile boolean abandoned;
    private volatile long reconnects;

    private TailSession session;
    private TailEnd end;
    private String lastState = "";
    // What the hub reads where the subscription names none; may be empty.
    private String tenant = "";
    private boolean subscribed;
    private boolean everSubscribed;
    private boolean saidUnsubscribe;
    private long connectAt = System.nanoTime();
    private long giveUpAt;

    TailLoop(LoghubTail config, Subscribe wish) {
        this.config = config;
        this.course = new Course(wish, config.creditRecords(), WINDOW);
        this.tokens = new TokenKeeper(config.token());
        this.backoff = new Backoff(
                config.backoffMin(), config.backoffMax(), bound -> ThreadLocalRandom.current().nextLong(bound));
    }

    /** Is told, before it runs, who calls the listener. */
    void deliverTo(Deliverer taker) {
        deliverer = taker;
    }

    /** Asks to take leave and to end, by then at the latest. */
    void closeBy(long nanoTime) {
        closeBy = nanoTime;
        closing = true;
        post(new TailEvent.Woken());
    }

    void post(TailEvent event) {
        events.add(event);
    }

    long reconnects() {
        return reconnects;
    }

    /** Returns whether something that came was not told. */
    boolean abandoned() {
        return abandoned;
    }

    @Override
    public void run() {
        while (end == null) {
            try {
                step();
            } catch (InterruptedException interrupted) {
                closeBy(System.nanoTime()); // nobody but a shutdown interrupts this thread
            } catch (RuntimeException | java.lang.Error bug) {
                // The application must not lose its subscription over one bad moment.
                state("loghub tail failed and connects again: " + bug);
                disconnect(backoff.slowNanos());
            }
        }
        disconnect(FOREVER);
        deliverer.end(end);
        awaitListener();
    }

    private void step() throws InterruptedException {
        TailEvent event = events.poll(nanosToSleep(), TimeUnit.NANOSECONDS);
        for (; event != null && end == null; event = events.poll()) {
            handle(event);
        }
        long now = System.nanoTime();
        if (end != null) {
            return;
        }
        if (closing) {
            takeLeave(now);
        } else if (session == null && now - connectAt >= 0 && course.hasRoom()) {
            connect(now);
        }
        if (session != null && !subscribed && now - giveUpAt >= 0) {
            lost(new Outcome(Outcome.Next.RETRY, 0, "no answer in time"));
        }
        if (session != null && end == null && tokens.isDue(now)) {
            renew(now);
        }
    }

    private long nanosToSleep() {
        long now = System.nanoTime();
        long sleep = closing ? closeBy - now : FOREVER;
        if (session == null && course.hasRoom()) {
            sleep = Math.min(sleep, connectAt - now);
        } else if (session != null && !subscribed) {
            sleep = Math.min(sleep, giveUpAt - now);
        }
        return session == null ? sleep : Math.min(sleep, tokens.nanosUntilDue(now));
    }

    // --- hearing ---------------------------------------------------------------------------------------------------

    private void handle(TailEvent event) {
        if (event instanceof TailEvent.Handled done) {
            course.handled(done.message());
            if (session != null) {
                session.requestOne();
                giveCredit();
            }
        } else if (event instanceof TailEvent.Said said && said.from() == session) {
            heard(said.message());
        } else if (event instanceof TailEvent.Ended ended && ended.from() == session) {
            lost(Outcome.of(ended.failure()));
        }
    }

    private void heard(ServerMessage message) {
        switch (message.getKindCase()) {
            case SUBSCRIBED -> {
                subscribed();
                deliver(message);
            }
            case RECORDS, GAP, POSITION -> deliver(message);
            case UNSUBSCRIBED -> {
                deliver(message);
                finish(false, closing ? "closed" : "all that was asked for has been sent");
            }
            case GOODBYE -> lost(Outcome.of(message.getGoodbye()));
            default -> {
                session.requestOne(); // the listener will not hear of it
                minor(message);
            }
        }
    }

    private void minor(ServerMessage message) {
        switch (message.getKindCase()) {
            case WELCOME -> tenant = message.getWelcome().getTenant();
            case AUTH_EXPIRING -> tokens.expiring(System.nanoTime());
            case ERROR -> error(message.getError());
            default -> { } // a pong, or a word of a newer hub
        }
    }

    private void deliver(ServerMessage message) {
        course.take(message);
        deliverer.message(message);
    }

    private void subscribed() {
        if (!subscribed) {
            subscribed = true;
            backoff.reset();
            reconnects += everSubscribed ? 1 : 0;
            everSubscribed = true;
            state("connected to " + hub() + (tenant.isEmpty() ? "" : " as tenant " + tenant));
        }
    }

    private void error(Error error) {
        if (error.getId().equals(Course.ID) && !saidUnsubscribe) {
            lost(Outcome.of(error));
        } else {
            state(hub() + " says: " + error.getMessage());
            tokens.refused(error.getCode(), System.nanoTime());
        }
    }

    private void giveCredit() {
        int more = subscribed && !saidUnsubscribe ? course.grant() : 0;
        if (more > 0) {
            Credit credit = Credit.newBuilder().setId(Course.ID).setRecords(more).build();
            session.send(ClientMessage.newBuilder().setCredit(credit).build());
        }
    }

    private void renew(long now) {
        try {
            String fresh = tokens.renewed(now);
            if (!fresh.isEmpty()) {
                session.send(ClientMessage.newBuilder().setAuth(Auth.newBuilder().setToken(fresh)).build());
            }
        } catch (RuntimeException theirs) {
            state("no fresh token: " + theirs);
        }
    }

    // --- connecting and leaving ------------------------------------------------------------------------------------

    private void connect(long now) {
        giveUpAt = now + config.connectDeadline().toNanos();
        try {
            String token = tokens.forConnection();
            ManagedChannel channel = TailChannel.open(config);
            session = new TailSession(channel, course.roomForMessages(), this::post);
            session.open(token);
            session.send(ClientMessage.newBuilder().setSubscribe(course.subscribe()).build());
        } catch (IOException | RuntimeException unusable) {
            state("cannot connect to " + hub() + ": " + unusable.getMessage() + "; trying again");
            disconnect(backoff.nextNanos());
        }
    }

    /** Ends the connection, and comes back where that may help. */
    private void lost(Outcome outcome) {
        Outcome.Next next = outcome.next();
        if (closing) {
            finish(false, "closed");
        } else if (next == Outcome.Next.DONE) {
            finish(false, outcome.reason());
        } else if (next == Outcome.Next.FAIL || (next == Outcome.Next.RENEW && !hasFreshToken())) {
            state(hub() + " refused: " + outcome.reason());
            finish(true, outcome.reason());
        } else {
            state((subscribed ? "lost " : "cannot reach ") + hub() + ": " + outcome.reason() + "; trying again");
            disconnect(Math.max(outcome.leastNanos(), backoff.nextNanos()));
        }
    }

    private boolean hasFreshToken() {
        try {
            return tokens.hasOther();
        } catch (RuntimeException theirs) {
            return true; // that it is not at hand now says nothing: the next connection asks again
        }
    }

    private void disconnect(long delayNanos) {
        if (session != null) {
            session.abort();
        }
        session = null;
        subscribed = false;
        saidUnsubscribe = false;
        connectAt = System.nanoTime() + delayNanos;
    }

    private void takeLeave(long now) {
        if (now - closeBy >= 0 || session == null || !subscribed) {
            finish(false, "closed");
        } else if (!saidUnsubscribe) {
            saidUnsubscribe = true;
            Unsubscribe unsubscribe = Unsubscribe.newBuilder().setId(Course.ID).build();
            session.send(ClientMessage.newBuilder().setUnsubscribe(unsubscribe).build());
        }
    }

    private void finish(boolean failed, String reason) {
        end = new TailEnd(failed, reason);
    }

    /** Lets the listener finish; forgets what waits for it once a close is overdue. */
    private void awaitListener() {
        while (deliverer.ended() == null) {
            long left = closing ? closeBy - System.nanoTime() : FOREVER;
            if (left <= 0) {
                abandoned = deliverer.abandon() || abandoned;
                deliverer.end(end);
                return;
            }
            try {
                events.poll(left, TimeUnit.NANOSECONDS);
            } catch (InterruptedException interrupted) {
                closeBy(System.nanoTime());
            }
        }
    }

    private void state(String message) {
        if (!message.equals(lastState)) {
            lastState = message;
            deliverer.state(message);
        }
    }

    private String hub() {
        return "hub " + config.endpoint();
    }
}
