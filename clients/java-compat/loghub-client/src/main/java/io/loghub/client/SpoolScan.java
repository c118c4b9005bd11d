package io.loghub.client;

import io.loghub.client.SpoolFolder.Acked;
import io.loghub.client.SpoolFrame.Mark;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * What is found in a spool's folder when a client begins.
 *
 * @param segments the files, the oldest first
 * @param batches the batches that are numbered and not known to be settled, in order; numbers may be missing
 * @param nextRecord number of the next record to be added
 * @param nextTaken number of the first record that is in no batch
 * @param nextSeq number of the next batch
 * @param waitingBytes about the bytes of the records that are in no batch
 */
record SpoolScan(
        List<SpoolSegment> segments,
        List<Mark> batches,
        long nextRecord,
        long nextTaken,
        long nextSeq,
        long waitingBytes) {

    /** Reads all files; whatever is torn or damaged is passed over, and missed when its records are to be sent. */
    static SpoolScan of(SpoolFolder folder) throws IOException {
        Acked acked = folder.acked();
        State state = new State(acked.record(), acked.seq() + 1);
        List<SpoolSegment> segments = folder.segments();
        for (SpoolSegment segment : segments) {
            state.read(segment);
        }
        while (!state.batches.isEmpty() && state.batches.getFirst().seq() <= acked.seq()) {
            state.batches.removeFirst();
        }
        long nextTaken = Math.max(state.nextTaken, acked.record());
        long nextRecord = Math.max(state.nextRecord, nextTaken);
        long nextSeq = Math.max(state.nextSeq, acked.seq() + 1);
        return new SpoolScan(
                segments, new ArrayList<>(state.batches), nextRecord, nextTaken, nextSeq, state.waiting(nextTaken, segments));
    }

    /** Returns how many records are not settled. */
    long records() {
        return batches.stream().mapToLong(Mark::count).sum() + nextRecord - nextTaken;
    }

    /** What the frames read so far come to. */
    private static final class State {
        private final ArrayDeque<Mark> batches = new ArrayDeque<>();
        private long nextRecord;
        private long nextTaken;
        private long nextSeq;

        State(long nextTaken, long nextSeq) {
            this.nextTaken = nextTaken;
            this.nextSeq = nextSeq;
        }

        void read(SpoolSegment segment) throws IOException {
            try (SpoolSegment.Reader reader = new SpoolSegment.Reader(segment)) {
                while (reader.next()) {
                    Mark mark = reader.mark();
                    if (mark != null) {
                        apply(mark);
                    }
                }
                nextRecord = Math.max(nextRecord, reader.number());
            }
        }

        private void apply(Mark mark) {
            while (!batches.isEmpty() && batches.getLast().seq() >= mark.seq()) {
                batches.removeLast();
            }
            if (mark.count() > 0) {
                batches.addLast(mark);
            }
            nextTaken = mark.end();
            nextSeq = mark.seq() + (mark.count() > 0 ? 1 : 0);
        }

        /** Counts whole files, but for the one that the records begin in. */
        long waiting(long from, List<SpoolSegment> segments) {
            long bytes = 0;
            for (int i = segments.size() - 1; i >= 0 && nextRecord > from; i--) {
                bytes += segments.get(i).size();
                if (segments.get(i).first() <= from) {
                    break;
                }
            }
            return bytes;
        }
    }
}
