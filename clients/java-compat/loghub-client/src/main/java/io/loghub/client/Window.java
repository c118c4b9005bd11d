package io.loghub.client;

import io.loghub.client.SpoolFrame.Mark;
import io.loghub.v1.Batch;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Resource;
import java.util.ArrayList;
import java.util.List;

/**
 * The batches that are not acknowledged yet, in order, and which of them are sent on the present stream.
 *
 * <p>Decides only; nothing here does I/O. What must hold:
 *
 * <ul>
 *   <li>The held batches are numbered without holes, the last one {@code nextSeq - 1}.
 *   <li>The first {@code sent} of them are sent on the present stream, the others are not.
 *   <li>A number may be given to another batch only while the hub has not stored it. A nack promises that for its
 *       sequence number and all that follow; therefore {@link #split} and {@link #drop} renumber from there on.
 * </ul>
 */
final class Window {
    private final Resource resource;
    private final List<Held> held = new ArrayList<>();
    private long nextSeq = 1;
    private int sent;
    private long sentBytes;
    private int maxUnackedBatches = 1;
    private long maxUnackedBytes = 1;

    Window(Resource resource) {
        this.resource = resource;
    }

    /**
     * A batch with its place in the count; {@code queueBytes} is the room it holds in the queue, {@code first} and
     * {@code count} are its place in the spool.
     */
    static final class Held {
        private long seq;
        private final List<LogRecord> records;
        private final long queueBytes;
        private final long first;
        private final int count;
        private Batch batch;
        private boolean everSent;

        private Held(long seq, List<LogRecord> records, long queueBytes, long first, int count) {
            this.seq = seq;
            this.records = records;
            this.queueBytes = queueBytes;
            this.first = first;
            this.count = count;
        }

        /** Returns a batch that an earlier life of this program has numbered, with its records that can be read. */
        static Held restored(Mark mark, List<LogRecord> records) {
            return new Held(mark.seq(), records, 0, mark.first(), mark.count());
        }

        /** Returns what is remembered of it. */
        Mark mark() {
            return new Mark(seq, first, count);
        }

        long seq() {
            return seq;
        }

        List<LogRecord> records() {
            return records;
        }

        long queueBytes() {
            return queueBytes;
        }

        Batch batch() {
            return batch;
        }

        private void number(long newSeq, Resource resource) {
            seq = newSeq;
            batch = Batch.newBuilder().setSeq(newSeq).setResource(resource).addAllRecords(records).build();
        }
    }

    /** Returns the number for the hello: of the first batch that would be sent. */
    long helloSeq() {
        return held.isEmpty() ? nextSeq : held.get(0).seq;
    }

    boolean isEmpty() {
        return held.isEmpty();
    }

    /** Returns whether batches are sent on the present stream and not acknowledged. */
    boolean hasUnacked() {
        return sent > 0;
    }

    /** Returns whether a batch waits to be sent. */
    boolean hasUnsent() {
        return sent < held.size();
    }

    /** Returns whether one more batch may be sent; a single one always may, whatever its size. */
    boolean hasRoom() {
        return sent == 0 || (sent < maxUnackedBatches && sentBytes < maxUnackedBytes);
    }

    /** Begins a stream: returns what the hub has stored up to {@code lastSeq}; all the rest is unsent. */
    List<Held> welcome(long lastSeq, int unackedBatches, long unackedBytes) {
        maxUnackedBatches = unackedBatches;
        maxUnackedBytes = unackedBytes;
        goBackTo(0);
        List<Held> stored = settle(lastSeq);
        // Another life of this producer id may have counted further.
        if (lastSeq >= nextSeq) {
            nextSeq = lastSeq + 1;
        }
        return stored;
    }

    /**
     * Takes up the batches of an earlier life, before the first stream. Damage may have left holes between them, which
     * {@link #mendHoles} closes.
     */
    void restore(List<Held> batches, long next) {
        for (Held batch : batches) {
            batch.number(batch.seq, resource);
            held.add(batch);
        }
        nextSeq = next;
    }

    /**
     * Numbers the batches anew where numbers are missing, from {@code least} on, the first that the hub will take; to
     * be called once it has said what it has stored. Returns whether there was something to mend.
     */
    boolean mendHoles(long least) {
        boolean dense = held.isEmpty() || held.get(held.size() - 1).seq - held.get(0).seq == held.size() - 1
                && nextSeq == held.get(held.size() - 1).seq + 1;
        if (!dense) {
            renumberFrom(0, least);
        }
        return !dense;
    }

    /** Numbers a new batch and returns it; it waits to be sent. */
    Held append(List<LogRecord> records, long queueBytes, long first, int count) {
        Held batch = new Held(nextSeq++, records, queueBytes, first, count);
        batch.number(batch.seq, resource);
        held.add(batch);
        return batch;
    }

    /** Returns the batches that are not settled, those from this number on. */
    List<Held> heldFrom(long seq) {
        int index = (int) Math.max(0, Math.min(seq - helloSeq(), held.size()));
        return List.copyOf(held.subList(index, held.size()));
    }

    /** Returns the first batch that is not settled, or null. */
    Held first() {
        return held.isEmpty() ? null : held.get(0);
    }

    /** Returns the number of the next new batch. */
    long nextSeq() {
        return nextSeq;
    }

    /** Returns the next batch to send and counts it as sent, or null where there is none or the window is full. */
    Held next() {
        if (!hasUnsent() || !hasRoom()) {
            return null;
        }
        Held batch = held.get(sent++);
        sentBytes += batch.batch.getSerializedSize();
        return batch;
    }

    /** Returns whether this batch is sent for the first time, and remembers that it was. */
    static boolean isFirstSend(Held batch) {
        boolean first = !batch.everSent;
        batch.everSent = true;
        return first;
    }

    /** Returns the batches up to this number, which are settled; those never sent on this stream stay. */
    List<Held> ack(long upToSeq) {
        return settle(Math.min(upToSeq, helloSeq() + sent - 1));
    }

    private List<Held> settle(long upToSeq) {
        int count = 0;
        while (count < held.size() && held.get(count).seq <= upToSeq) {
            if (count < sent) {
                sentBytes -= held.get(count).batch.getSerializedSize();
            }
            count++;
        }
        List<Held> head = held.subList(0, count);
        List<Held> stored = List.copyOf(head);
        head.clear();
        sent = Math.max(0, sent - count);
        return stored;
    }

    /** Makes this batch the next one to send; false where it is not one that was sent on this stream. */
    boolean goBack(long seq) {
        int index = indexOfSent(seq);
        if (index >= 0) {
            goBackTo(index);
        }
        return index >= 0;
    }

    private int indexOfSent(long seq) {
        long index = seq - helloSeq();
        return index >= 0 && index < sent ? (int) index : -1;
    }

    private void goBackTo(int index) {
        while (sent > index) {
            sentBytes -= held.get(--sent).batch.getSerializedSize();
        }
    }

    /** Returns whether this batch is held and not sent on this stream, or not any more. */
    boolean isUnsent(long seq) {
        return seq >= helloSeq() + sent && seq < nextSeq;
    }

    /** Returns the number of records in a batch that was sent on this stream, or 0 where there is none. */
    int records(long seq) {
        int index = indexOfSent(seq);
        return index < 0 ? 0 : held.get(index).records.size();
    }

    /** Makes two batches of one that has at least two records, and goes back to the first. */
    void split(long seq) {
        int index = indexOfSent(seq);
        goBackTo(index);
        Held whole = held.remove(index);
        int half = whole.records.size() / 2;
        List<LogRecord> first = whole.records.subList(0, half);
        List<LogRecord> second = whole.records.subList(half, whole.records.size());
        // Each half holds half of the room: the records may have been cut, so their sizes need not add up to it.
        long part = whole.queueBytes / 2;
        held.add(index, new Held(0, List.copyOf(first), part, whole.first, half));
        held.add(
                index + 1,
                new Held(0, List.copyOf(second), whole.queueBytes - part, whole.first + half, whole.count - half));
        renumberFrom(index, seq);
    }

    /** Takes a batch out of the count and goes back to the one after it. */
    Held drop(long seq) {
        int index = indexOfSent(seq);
        goBackTo(index);
        Held dropped = held.remove(index);
        renumberFrom(index, seq);
        return dropped;
    }

    private void renumberFrom(int index, long seq) {
        long number = seq;
        for (Held each : held.subList(index, held.size())) {
            each.number(number++, resource);
        }
        nextSeq = number;
    }
}
