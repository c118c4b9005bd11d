package io.loghub.client;

import com.google.protobuf.CodedOutputStream;
import io.loghub.v1.LogRecord;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What application threads hand to the sending thread, and where that thread sleeps.
 *
 * <p>Bounded by the bytes of all records that were taken and not yet {@linkplain #release released}, those on their way
 * to the hub included. When it is full, {@link QueuePolicy} decides.
 */
final class RecordQueue {
    private final long maxBytes;
    private final QueuePolicy policy;
    private final long blockNanos;
    private final long lingerNanos;
    private final Counters counters;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition work = lock.newCondition();
    private final Condition room = lock.newCondition();
    private final ArrayDeque<LogRecord> records = new ArrayDeque<>();
    private int dueRecords;
    private long dueBytes;
    private long queuedBytes;
    private long takenBytes;
    private long waitingSince;
    private boolean woken;
    private boolean closed;
    private Thread sender;

    RecordQueue(LoghubConfig config, Counters counters) {
        this.maxBytes = config.queueBytes();
        this.policy = config.queuePolicy();
        this.blockNanos = nanos(config.blockDeadline());
        this.lingerNanos = nanos(config.linger());
        this.dueRecords = config.batchRecords();
        this.dueBytes = config.batchBytes();
        this.counters = counters;
    }

    /** Returns the duration, or about 292 years where that is shorter. */
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
    boolean offer(LogRecord record) {
        int size = record.getSerializedSize();
        counters.offered.increment();
        lock.lock();
        try {
            if (closed || !makeRoom(size)) {
                drop(1);
                return false;
            }
            boolean wasDue = isFull();
            if (records.isEmpty()) {
                waitingSince = System.nanoTime();
            }
            records.addLast(record);
            queuedBytes += size;
            counters.accepted.increment();
            if (records.size() == 1 || (!wasDue && isFull())) {
                work.signal();
            }
            return true;
        } finally {
            lock.unlock();
        }
    }

    private boolean makeRoom(int size) {
        if (size > maxBytes) {
            return false;
        }
        return hasRoom(size)
                || switch (policy) {
                    case DROP_NEWEST -> false;
                    case DROP_OLDEST -> dropOldest(size);
                    case BLOCK -> awaitRoom(size);
                };
    }

    private boolean hasRoom(int size) {
        return queuedBytes + takenBytes + size <= maxBytes;
    }

    private boolean dropOldest(int size) {
        // What has been taken is numbered and may be stored already, so only what still waits can go.
        while (!hasRoom(size) && !records.isEmpty()) {
            queuedBytes -= records.removeFirst().getSerializedSize();
            drop(1);
        }
        return hasRoom(size);
    }

    private boolean awaitRoom(int size) {
        if (Thread.currentThread() == sender) {
            return false;
        }
        long left = blockNanos;
        try {
            while (!closed && !hasRoom(size)) {
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

    /** Takes the oldest records of one batch, at least one if there is any; they count as held until released. */
    List<LogRecord> take(int maxRecords, long maxBatchBytes) {
        lock.lock();
        try {
            List<LogRecord> batch = new ArrayList<>(Math.min(maxRecords, records.size()));
            long bytes = 0;
            while (batch.size() < maxRecords && !records.isEmpty()) {
                int size = records.peekFirst().getSerializedSize();
                if (!batch.isEmpty() && bytes + inBatch(size) > maxBatchBytes) {
                    break;
                }
                batch.add(records.removeFirst());
                bytes += inBatch(size);
                queuedBytes -= size;
                takenBytes += size;
            }
            // What is left over has waited too, and a moment more does no harm.
            waitingSince = System.nanoTime();
            return batch;
        } finally {
            lock.unlock();
        }
    }

    /** Returns what a record of this size adds to a batch: itself, its tag and its length. */
    static long inBatch(int size) {
        return size + 1L + CodedOutputStream.computeUInt32SizeNoTag(size);
    }

    /** Gives back the room of records that were taken and are settled. */
    void release(long bytes) {
        lock.lock();
        try {
            takenBytes -= bytes;
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
        return records.size() >= dueRecords || queuedBytes >= dueBytes;
    }

    private long nanosUntilDue() {
        if (records.isEmpty()) {
            return Long.MAX_VALUE;
        }
        return closed || isFull() ? 0 : lingerNanos - (System.nanoTime() - waitingSince);
    }

    boolean isEmpty() {
        lock.lock();
        try {
            return records.isEmpty();
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
