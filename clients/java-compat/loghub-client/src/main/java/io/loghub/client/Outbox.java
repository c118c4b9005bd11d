package io.loghub.client;

import io.loghub.client.Store.Taken;
import io.loghub.client.Window.Held;
import io.loghub.v1.Ack;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Welcome;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes batches of what is queued, and sees that queue, journal and counts hear what becomes of them; for the sending
 * thread only. What must be sent is decided by the {@link Window}, when by the {@link Sender}.
 */
final class Outbox {
    private final RecordQueue queue;
    private final Journal journal;
    private final Counters counters;
    private final Reporter reporter;
    private final BatchMaker maker;
    private final Window window;

    Outbox(LoghubConfig config, RecordQueue queue, Journal journal, Counters counters, Reporter reporter) {
        this.queue = queue;
        this.journal = journal;
        this.counters = counters;
        this.reporter = reporter;
        this.maker = new BatchMaker(config);
        this.window = new Window(maker.resource());
        window.restore(journal.restored(), journal.nextSeq());
    }

    long helloSeq() {
        return window.helloSeq();
    }

    boolean isEmpty() {
        return window.isEmpty() && queue.isEmpty();
    }

    boolean hasUnacked() {
        return window.hasUnacked();
    }

    /** Returns whether a new batch could be sent next. */
    boolean wantsBatch() {
        return window.hasRoom() && !window.hasUnsent();
    }

    /** Makes a batch of the oldest records, or more where they prove larger than they seemed. */
    void makeBatch() {
        Taken taken = queue.take(maker.maxRecords(), maker.maxBytes());
        List<LogRecord> made = make(taken.records());
        if (made.isEmpty()) {
            queue.release(taken.bytes());
            return;
        }
        List<Held> fresh = new ArrayList<>(1);
        long bytesLeft = taken.bytes();
        for (int begin = 0, size; begin < made.size(); begin += size) {
            size = maker.fitting(made, begin);
            boolean last = begin + size == made.size();
            long bytes = last ? bytesLeft : bytesLeft * size / (made.size() - begin);
            int count = last ? taken.records().size() - begin : size;
            fresh.add(window.append(made.subList(begin, begin + size), bytes, taken.first() + begin, count));
            bytesLeft -= bytes;
        }
        journal.numbered(fresh);
    }

    private List<LogRecord> make(List<RecordSource> sources) {
        List<LogRecord> made = new ArrayList<>(sources.size());
        for (RecordSource source : sources) {
            try {
                made.add(maker.fit(source.toRecord()));
            } catch (RuntimeException | Error hostile) { // what was logged may do anything when it is read
                counters.drop(1);
                reporter.unreadable(hostile);
            }
        }
        return made;
    }

    /** Returns the next batch to send, which counts as sent, or null. */
    Held next() {
        Held next = window.next();
        if (next != null && !Window.isFirstSend(next)) {
            counters.resent.add(next.records().size());
        }
        return next;
    }

    /** Begins a stream. */
    void welcome(Welcome welcome) {
        maker.limit(welcome.getLimits());
        queue.setDue(maker.maxRecords(), maker.maxBytes());
        long announced = window.helloSeq();
        List<Held> stored =
                window.welcome(welcome.getLastSeq(), maker.maxUnackedBatches(), maker.maxUnackedBytes());
        settle(stored, Ack.getDefaultInstance());
        if (window.mendHoles(Math.max(announced, welcome.getLastSeq() + 1))) {
            renumbered(window.helloSeq());
        }
    }

    void acked(Ack ack) {
        settle(window.ack(ack.getUpToSeq()), ack);
    }

    private void settle(List<Held> batches, Ack ack) {
        if (batches.isEmpty()) {
            return;
        }
        for (Held batch : batches) {
            queue.release(batch.queueBytes());
            reporter.settled(batch, ack);
        }
        journal.settled(window.helloSeq() - 1, window.first());
    }

    /** Returns whether this batch is held and not sent on this stream, or not any more. */
    boolean isUnsent(long seq) {
        return window.isUnsent(seq);
    }

    /** Returns the number of records in a batch that was sent on this stream, or 0 where there is none. */
    int records(long seq) {
        return window.records(seq);
    }

    /** Makes this batch the next one to send. */
    void goBack(long seq) {
        window.goBack(seq);
    }

    /** Makes two batches of one. */
    void split(long seq) {
        window.split(seq);
        renumbered(seq);
    }

    /** Gives up a batch that the hub refuses for good. */
    void drop(long seq, String reason) {
        Held dropped = window.drop(seq);
        counters.drop(dropped.records().size());
        queue.release(dropped.queueBytes());
        reporter.refused(reason);
        renumbered(seq);
        journal.settled(window.helloSeq() - 1, window.first());
    }

    private void renumbered(long seq) {
        List<Held> moved = window.heldFrom(seq);
        if (moved.isEmpty()) {
            journal.takenBackFrom(window.nextSeq());
        } else {
            journal.numbered(moved);
        }
    }
}
