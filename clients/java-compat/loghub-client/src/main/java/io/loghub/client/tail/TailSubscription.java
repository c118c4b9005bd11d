package io.loghub.client.tail;

import io.loghub.v1.Subscribe;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A subscription that runs until it is closed, has all it asked for, or is refused for good. */
public final class TailSubscription implements AutoCloseable {
    private final LoghubTail config;
    private final Deliverer deliverer;
    private final TailLoop loop;
    private final Thread listening;

    TailSubscription(LoghubTail config, Subscribe wish, TailListener listener) {
        this.config = config;
        loop = new TailLoop(config, wish);
        deliverer = new Deliverer(listener, message -> loop.post(new TailEvent.Handled(message)));
        loop.deliverTo(deliverer);
        listening = daemon(this::listen, "loghub-tail-listener");
        listening.start();
        daemon(loop, "loghub-tail").start();
    }

    private void listen() {
        deliverer.run();
        loop.post(new TailEvent.Woken()); // it waits for the end to be told
    }

    // An application that ends without closing its subscriptions must be able to end.
    private static Thread daemon(Runnable what, String name) {
        Thread thread = new Thread(what, name);
        thread.setDaemon(true);
        return thread;
    }

    /**
     * Returns the cursor behind the last message that the listener is done with; empty: nothing has come yet. A
     * subscription {@link From#cursor(String) from there} goes on without gap or duplicate.
     */
    public String cursor() {
        return deliverer.cursor();
    }

    /** Returns what has come so far. */
    public TailStats stats() {
        return deliverer.stats(loop.reconnects());
    }

    /**
     * Waits for the end.
     *
     * @return why it has ended; null: it has not, in this time
     */
    public TailEnd awaitEnd(Duration atMost) throws InterruptedException {
        TimeUnit.NANOSECONDS.timedJoin(listening, Math.min(atMost.toNanos(), Long.MAX_VALUE / 4));
        return listening.isAlive() ? null : deliverer.ended();
    }

    /** Closes with the configuration's deadline. */
    @Override
    public void close() {
        close(config.closeDeadline());
    }

    /**
     * Takes leave of the hub; may be called again, and by the listener, whose call it then does not wait for. What the
     * hub has sent up to then is still told; what is not told by the deadline is not told at all, and the cursor stands
     * before it.
     *
     * @param deadline how long that may take
     * @return whether the listener has been told all, and will not be called again
     */
    public boolean close(Duration deadline) {
        long nanos = Math.min(deadline.toNanos(), Long.MAX_VALUE / 4);
        loop.closeBy(System.nanoTime() + nanos);
        if (Thread.currentThread() == listening) {
            return false;
        }
        try {
            // A moment more, for the end itself to be told.
            TimeUnit.NANOSECONDS.timedJoin(listening, nanos + TimeUnit.SECONDS.toNanos(1));
        } catch (InterruptedException interrupted) {
            loop.closeBy(System.nanoTime());
            Thread.currentThread().interrupt();
        }
        return !listening.isAlive() && !loop.abandoned();
    }
}
