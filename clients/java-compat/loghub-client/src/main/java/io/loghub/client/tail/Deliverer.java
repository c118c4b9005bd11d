package io.loghub.client.tail;

import io.loghub.v1.ServerMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** Calls the listener, on one thread of its own; what the listener throws is counted and said. */
final class Deliverer implements Runnable {
    // What happens to the connection while the listener is busy: what is over is not said.
    private static final int MAX_WAITING = 1_000;

    private final TailListener listener;
    private final Consumer<ServerMessage> handled;
    // Messages are bounded by the window of Course, states by MAX_WAITING; the end comes once.
    private final BlockingQueue<Task> tasks = new LinkedBlockingQueue<>();
    private final AtomicLong records = new AtomicLong();
    private final AtomicLong lost = new AtomicLong();
    private final AtomicLong failures = new AtomicLong();
    private volatile String cursor = "";
    private volatile TailEnd end;

    private sealed interface Task {}

    private record Message(ServerMessage message) implements Task {}

    private record State(String text) implements Task {}

    private record End(TailEnd end) implements Task {}

    /**
     * Is made for a listener.
     *
     * @param handled is called behind each message, on the listener's thread
     */
    Deliverer(TailListener listener, Consumer<ServerMessage> handled) {
        this.listener = listener;
        this.handled = handled;
    }

    /** Has the listener told a message. */
    void message(ServerMessage message) {
        tasks.add(new Message(message));
    }

    /** Has the listener told what happens to the connection. */
    void state(String text) {
        if (tasks.size() < MAX_WAITING) {
            tasks.add(new State(text));
        }
    }

    /** Has the listener told the end, behind everything that waits. */
    void end(TailEnd why) {
        tasks.add(new End(why));
    }

    /** Forgets what waits, so that the cursor stays before it; returns whether there was a message. */
    boolean abandon() {
        List<Task> forgotten = new ArrayList<>();
        tasks.drainTo(forgotten);
        return forgotten.stream().anyMatch(Message.class::isInstance);
    }

    /** Returns the cursor behind the last message that the listener is done with; empty: there was none. */
    String cursor() {
        return cursor;
    }

    /** Returns why it has ended; null: it has not. */
    TailEnd ended() {
        return end;
    }

    TailStats stats(long reconnects) {
        return new TailStats(records.get(), lost.get(), failures.get(), reconnects);
    }

    @Override
    public void run() {
        while (end == null) {
            try {
                perform(tasks.take());
            } catch (InterruptedException ignored) {
                // Nobody's wish that is known here: the end comes by the queue. The listener may be interrupted.
            }
        }
    }

    private void perform(Task task) {
        if (task instanceof Message message) {
            tell(message.message());
            String moved = Course.cursorOf(message.message());
            cursor = moved.isEmpty() ? cursor : moved;
            handled.accept(message.message());
        } else if (task instanceof State state) {
            guard(() -> listener.onState(state.text()));
        } else if (task instanceof End last) {
            end = last.end();
            guard(() -> listener.onEnd(last.end()));
        }
    }

    private void tell(ServerMessage message) {
        switch (message.getKindCase()) {
            case RECORDS -> {
                List<TailRecord> found = TailRecord.of(message.getRecords());
                records.addAndGet(found.size());
                guard(() -> listener.onRecords(found, message.getRecords().getCursor()));
            }
            case GAP -> {
                lost.addAndGet(message.getGap().getCount());
                guard(() -> listener.onGap(message.getGap()));
            }
            case POSITION -> guard(() -> listener.onPosition(message.getPosition().getCursor()));
            default -> { } // moves the cursor only
        }
    }

    private void guard(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException | Error theirs) {
            failures.incrementAndGet();
            try {
                listener.onState("the listener failed, and is called again with what follows: " + theirs);
            } catch (RuntimeException | Error again) {
                // It is counted; there is nobody left to tell.
            }
        }
    }
}
