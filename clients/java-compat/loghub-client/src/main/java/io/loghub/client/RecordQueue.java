package io.loghub.client;

import io.loghub.client.Store.Taken;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What application threads hand to the sending thread, and where that thread sleeps.
 *
 * <p>Bounded by its {@link Store}. When that is full, {@link QueuePolicy} decides.
 */
final class RecordQueue {
    private final Store store;
    private final QueuePolicy policy;
    private final long blockNanos;
    private final long lingerNanos;
    private final Counters counters;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private final Condition room = lock.newCondition();
    private long dueRecords;
    private long dueBytes;
    private long waitingSince = System.nanoTime();
    private boolean woken;
    private boolean closed;
    private Thread sender;

    RecordQueue(LoghubConfig config, Store store, Counters counters) {
        this.store = store;
        this.policy = config.queuePolicy();
        this.blockNanos = nanos(config.blockDeadline());
        this.lingerNanos = nanos(config.linger());
        this.dueRecords = config.batchRecords();
        this.dueBytes = config.batchBytes();
        this.counters = counters;
    }

    /** Returns the duration, or about 292 years where that is longer. */
    static long nanos(Duration duration) {
        return duration.getSeconds() >= Long.MAX_VALUE / 1_000_000_000L ? Long.MAX_VALUE : duration.toNanos();
    }

    /** Names the thread that takes records out: it never waits for room, which only it can make. */
    void ownedBy(Thread thread) {
        sender = thread;
    }

    /** Sets how much makes a batch that need not wait for more. */
    void setDue(int batchRecords, long batchBytes) {
        lock.lock();
        try {
            dueRecords = batchRecords;
            dueBytes = batchBytes;
        } finally {
            lock.unlock();
        }
    }

    /** Takes a record in, or drops and counts it. */
    boolean offer(RecordSource source) {
        RecordSource record = store.prepare(source);
        counters.offered.increment();
        int weight = record.weight();
        lock.lock();
        try {
            if (closed || !makeRoom(weight) || !store.add(record)) {
                drop(1);
                return false;
            }
            counters.accepted.increment();
            boolean first = store.count() == 1;
            if (first) {
                waitingSince = System.nanoTime();
            }
            // Only what begins or fills a batch wakes the sender: it sees to all the rest when that is due.
            if (first || (isFull() && !wasFull(weight))) {
                work.signal();
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private boolean makeRoom(long weight) {
        if (!store.couldHold(weight)) {
            return false;
        }
        return store.hasRoom(weight)
                || switch (policy) {
                    case DROP_NEWEST -> false;
                    case DROP_OLDEST -> dropOldest(weight);
                    case BLOCK -> awaitRoom(weight);
                };
    }

    private boolean dropOldest(long weight) {
        while (!store.hasRoom(weight)) {
            long dropped = store.dropOldest();
            if (dropped == 0) {
                return false;
            }
            drop(dropped);
        }
        return true;
    }

    private boolean awaitRoom(long weight) {
        if (Thread.currentThread() == sender) {
            return false;
        }
        long left = blockNanos;
        try {
            while (!closed && !store.hasRoom(weight)) {
                if (left <= 0) {
                    return false;
                }
                left = room.awaitNanos(left);
            }
            return !closed;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void drop(long count) {
        if (counters.drop(count)) {
            wake();
        }
    }

    /** Counts a record as offered and dropped that never was one. */
    void refuse() {
        counters.offered.increment();
        drop(1);
    }

    /** Takes the oldest records of one batch, at least one if there is any; they count as held until released. */
    Taken take(int maxRecords, long maxBatchBytes) {
        lock.lock();
        try {
            // What is left over has waited too, and a moment more does no harm.
            waitingSince = System.nanoTime();
            return store.take(maxRecords, maxBatchBytes);
        } finally {
            lock.unlock();
        }
    }

    /** Gives back the room of records that were taken and are settled. */
    void release(long bytes) {
        locked(() -> store.release(bytes));
    }

    /** Does something with the store, after which there may be more room. */
    void locked(Runnable what) {
        lock.lock();
        try {
            what.run();
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether a batch should go now: it is full, has waited for its time, or nothing more will come. */
    boolean isDue() {
        lock.lock();
        try {
            return nanosUntilDue() <= 0;
        } finally {
            lock.unlock();
        }
    }

    private boolean isFull() {
        return store.count() >= dueRecords || store.bytes() >= dueBytes;
    }

    private boolean wasFull(long added) {
        return store.count() - 1 >= dueRecords || store.bytes() - added >= dueBytes;
    }

    private long nanosUntilDue() {
        if (store.count() == 0) {
            return Long.MAX_VALUE;
        }
        return closed || isFull() ? 0 : lingerNanos - (System.nanoTime() - waitingSince);
    }

    boolean isEmpty() {
        lock.lock();
        try {
            return store.count() == 0;
        } finally {
            lock.unlock();
        }
    }

    /** Sleeps until {@link #wake}, for so long, or, where records are wanted, until a batch is due. */
    void await(long nanos, boolean wantRecords) throws InterruptedException {
        lock.lock();
        try {
            long until = System.nanoTime() + nanos;
            while (!woken) {
                long left = until - System.nanoTime();
                if (wantRecords) {
                    left = Math.min(left, nanosUntilDue());
                }
                if (left <= 0) {
                    break;
                }
                work.awaitNanos(left);
            }
            woken = false;
        } finally {
            lock.unlock();
        }
    }

    /** Ends the sleep of the sending thread, or its next one. */
    void wake() {
        lock.lock();
        try {
            woken = true;
            work.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Takes nothing more in; what is in it may go out at once. */
    void close() {
        lock.lock();
        try {
            closed = true;
            woken = true;
            work.signal();
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
