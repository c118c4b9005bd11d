package io.loghub.client;

import com.google.protobuf.InvalidProtocolBufferException;
import io.loghub.client.SpoolFrame.Mark;
import io.loghub.v1.LogRecord;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * Keeps records on disk, as the {@link Store} of a queue: a record is in a file before {@code offer} returns, so that
 * the end of the process, however sudden, loses none.
 *
 * <p>Bounded by the bytes of its files. A file goes when all records in it are settled, so a little more than the
 * records that wait is held. What must hold: the records are numbered without holes, in the order they were added;
 * {@code segments} is never empty and its last one is the one that is written.
 */
final class Spool implements Store {
    private static final int SEGMENTS = 16;
    private static final long MAX_SEGMENT_BYTES = 16L << 20;

    private final SpoolFolder folder;
    private final long maxBytes;
    private final long segmentBytes;
    private final LongConsumer onLost;
    private final ArrayDeque<SpoolSegment> segments = new ArrayDeque<>();
    private final Set<SpoolSegment> unforced = new LinkedHashSet<>();
    private SpoolSegment.Reader reader;
    private long totalBytes;
    private long waitingBytes;
    private long nextRecord;
    private long nextTaken;
    private long nextSeq;
    // Read from the file, and not taken because the batch was full.
    private Spooled ahead;
    private String trouble;
    private boolean filesCame;

    /** A record as it stands in the spool. */
    record Spooled(byte[] frame, long number) implements RecordSource {
        @Override
        public int weight() {
            return frame.length;
        }

        @Override
        public LogRecord toRecord() {
            try {
                return LogRecord.parser()
                        .parseFrom(frame, SpoolFrame.RECORD_OVERHEAD, frame.length - SpoolFrame.RECORD_OVERHEAD);
            } catch (InvalidProtocolBufferException foreign) {
                throw new IllegalStateException("a record of the spool cannot be read", foreign);
            }
        }
    }

    /**
     * Goes on where an earlier life of the folder ended.
     *
     * @param onLost told how many records damage has cost, under the queue's lock
     */
    Spool(SpoolFolder folder, long maxBytes, SpoolScan scan, LongConsumer onLost) throws IOException {
        this.folder = folder;
        this.maxBytes = maxBytes;
        this.segmentBytes = Math.max(1, Math.min(maxBytes / SEGMENTS, MAX_SEGMENT_BYTES));
        this.onLost = onLost;
        segments.addAll(scan.segments());
        totalBytes = segments.stream().mapToLong(SpoolSegment::size).sum();
        waitingBytes = scan.waitingBytes();
        nextRecord = scan.nextRecord();
        nextTaken = scan.nextTaken();
        nextSeq = scan.nextSeq();
        addSegment();
        reader = new SpoolSegment.Reader(segments.getFirst());
    }

    SpoolFolder folder() {
        return folder;
    }

    /** Returns the records of a batch of an earlier life, those that can still be read; batches come in order. */
    List<RecordSource> restore(Mark batch) {
        List<RecordSource> records = new ArrayList<>();
        for (Spooled next; (next = peek(batch.first())) != null && next.number < batch.end(); ahead = null) {
            records.add(next);
        }
        lose(batch.count() - records.size());
        return records;
    }

    @Override
    public RecordSource prepare(RecordSource record) {
        return new Spooled(SpoolFrame.record(record.toRecord().toByteArray()), -1);
    }

    @Override
    public long count() {
        return nextRecord - nextTaken;
    }

    @Override
    public long bytes() {
        return waitingBytes;
    }

    @Override
    public boolean couldHold(long weight) {
        return weight <= maxBytes / 2;
    }

    @Override
    public boolean hasRoom(long weight) {
        return totalBytes + weight <= maxBytes;
    }

    @Override
    public boolean add(RecordSource record) {
        try {
            if (segments.getLast().size() >= segmentBytes) {
                addSegment();
            }
            append(((Spooled) record).frame);
        } catch (IOException full) {
            failed("write to", full);
            return false;
        }
        nextRecord++;
        waitingBytes += record.weight();
        return true;
    }

    private void addSegment() throws IOException {
        long ordinal = segments.isEmpty() ? 1 : segments.getLast().ordinal() + 1;
        segments.addLast(SpoolSegment.create(folder.path(), ordinal, nextRecord));
        filesCame = true;
    }

    private void append(byte[] frame) throws IOException {
        segments.getLast().append(frame);
        unforced.add(segments.getLast());
        totalBytes += frame.length;
    }

    /** Drops whole files of records that were not taken, as many as make one file's room; those in part taken too. */
    @Override
    public long dropOldest() {
        try {
            if (segments.getLast().first() <= nextTaken && segments.getLast().first() < nextRecord) {
                addSegment(); // or the file that is written could not go
            }
            SpoolSegment oldest = null;
            for (SpoolSegment each : segments) {
                if (each.first() >= nextTaken && each != segments.getLast()) {
                    oldest = each;
                    break;
                }
            }
            return oldest == null ? 0 : drop(oldest);
        } catch (IOException failure) {
            failed("drop the oldest of", failure);
            return 0;
        }
    }

    private long drop(SpoolSegment segment) throws IOException {
        long end = endOf(segment);
        long dropped = end - nextTaken;
        append(SpoolFrame.mark(new Mark(nextSeq, end, 0)));
        nextTaken = end;
        ahead = null;
        remove(List.of(segment));
        waitingBytes = segments.stream()
                .filter(each -> each.first() >= end)
                .mapToLong(SpoolSegment::size)
                .sum();
        return dropped;
    }

    /** Returns the number of the record after a segment's last. */
    private long endOf(SpoolSegment segment) {
        boolean found = false;
        for (SpoolSegment each : segments) {
            if (found) {
                return each.first();
            }
            found = each == segment;
        }
        return nextRecord;
    }

    @Override
    public Taken take(int maxRecords, long maxBytes) {
        List<RecordSource> batch = new ArrayList<>();
        long first = nextTaken;
        long bytes = 0;
        while (batch.size() < maxRecords && nextTaken < nextRecord) {
            Spooled next = peek(nextTaken);
            if (next == null || (!batch.isEmpty() && (bytes + next.weight() > maxBytes || next.number != nextTaken))) {
                break; // records of one batch follow each other, so that two numbers say which they are
            }
            if (batch.isEmpty()) {
                lose(next.number - nextTaken);
                first = next.number;
            }
            batch.add(next);
            bytes += next.weight();
            nextTaken = next.number + 1;
            ahead = null;
        }
        if (batch.isEmpty() && nextTaken < nextRecord) {
            lose(nextRecord - nextTaken); // damage up to the very end
            nextTaken = nextRecord;
        }
        waitingBytes = nextTaken == nextRecord ? 0 : Math.max(0, waitingBytes - bytes);
        return new Taken(batch, 0, first);
    }

    /** Returns the first record from this number on that can be read, or null where there is none. */
    private Spooled peek(long from) {
        try {
            while (ahead == null || ahead.number < from) {
                ahead = null;
                if (reader.next()) {
                    if (reader.isRecord() && reader.number() > from) {
                        ahead = new Spooled(reader.frame(), reader.number() - 1);
                    }
                } else if (!openNext()) {
                    return null;
                }
            }
            return ahead;
        } catch (IOException failure) {
            failed("read", failure);
            return null;
        }
    }

    private boolean openNext() throws IOException {
        boolean found = false;
        for (SpoolSegment each : segments) {
            if (each.ordinal() > reader.segment().ordinal()) {
                reader.close();
                reader = new SpoolSegment.Reader(each);
                found = true;
                break;
            }
        }
        return found;
    }

    private void lose(long records) {
        if (records > 0) {
            trouble = "the spool in " + folder.path() + " is damaged: " + records + " records are lost";
            onLost.accept(records);
        }
    }

    /** The files keep the room until {@link #remove}. */
    @Override
    public void release(long bytes) {}

    // --- for the journal, under the queue's lock ---------------------------------------------------------------------

    /** Writes marks down, and that {@code seq} is the next number. */
    void mark(List<Mark> marks, long seq) {
        try {
            for (Mark mark : marks) {
                append(SpoolFrame.mark(mark));
            }
        } catch (IOException full) {
            failed("write to", full);
        }
        nextSeq = seq;
    }

    /** Returns the first record that is in no batch. */
    long nextTaken() {
        return nextTaken;
    }

    long nextSeq() {
        return nextSeq;
    }

    /** Returns the files of which all records are before this one. */
    List<SpoolSegment> settled(long record) {
        List<SpoolSegment> done = new ArrayList<>();
        for (SpoolSegment each : segments) {
            if (each == segments.getLast() || endOf(each) > record) {
                break;
            }
            done.add(each);
        }
        return done;
    }

    /** Removes files. */
    void remove(List<SpoolSegment> done) throws IOException {
        segments.removeAll(done);
        done.forEach(unforced::remove);
        totalBytes -= done.stream().mapToLong(SpoolSegment::size).sum();
        if (done.contains(reader.segment())) {
            reader.close();
            reader = new SpoolSegment.Reader(segments.getFirst());
        }
        for (SpoolSegment each : done) {
            each.delete();
        }
    }

    /** Returns the files that were written since this was last asked. */
    List<SpoolSegment> takeUnforced() {
        List<SpoolSegment> written = List.copyOf(unforced);
        unforced.clear();
        return written;
    }

    /** Returns whether there are files that {@link SpoolFolder#force} has not seen. */
    boolean takeFilesCame() {
        boolean came = filesCame;
        filesCame = false;
        return came;
    }

    void failed(String what, IOException failure) {
        trouble = "cannot " + what + " the spool in " + folder.path() + ": " + Failure.rootText(failure);
    }

    String takeTrouble() {
        String now = trouble;
        trouble = null;
        return now;
    }

    void close() throws IOException {
        reader.close();
        for (SpoolSegment each : segments) {
            each.close();
        }
        folder.close();
    }
}
