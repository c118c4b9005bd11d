package io.loghub.client;

import io.loghub.client.SpoolFolder.Acked;
import io.loghub.client.SpoolFrame.Mark;
import io.loghub.client.Window.Held;
import io.loghub.v1.LogRecord;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The {@link Journal} in a {@link Spool}, which it shares with application threads under the queue's lock. */
final class SpoolJournal implements Journal {
    // How far all is settled only saves work after the next start, so it need not be written for every answer.
    private static final long ACKED_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private final Spool spool;
    private final RecordQueue queue;
    private final List<Held> restored;
    private final long syncNanos;
    private Acked acked = Acked.NOTHING;
    private Acked written = Acked.NOTHING;
    private long writtenAt = System.nanoTime();
    private long syncedAt = System.nanoTime();

    SpoolJournal(Spool spool, List<Mark> batches, RecordQueue queue, Duration sync) {
        this.spool = spool;
        this.queue = queue;
        this.syncNanos = RecordQueue.nanos(sync);
        this.restored = batches.stream()
                .map(batch -> Held.restored(batch, made(spool.restore(batch))))
                .filter(batch -> !batch.records().isEmpty())
                .toList();
    }

    private static List<LogRecord> made(List<RecordSource> sources) {
        return sources.stream().map(RecordSource::toRecord).toList();
    }

    @Override
    public List<Held> restored() {
        return restored;
    }

    @Override
    public long nextSeq() {
        return spool.nextSeq();
    }

    @Override
    public void numbered(List<Held> batches) {
        List<Mark> marks = batches.stream().map(Held::mark).toList();
        long next = batches.get(batches.size() - 1).seq() + 1;
        queue.locked(() -> spool.mark(marks, next));
        if (syncNanos == 0) {
            force();
        }
    }

    @Override
    public void takenBackFrom(long seq) {
        queue.locked(() -> spool.mark(List.of(new Mark(seq, spool.nextTaken(), 0)), seq));
    }

    @Override
    public void settled(long upToSeq, Held firstLeft) {
        queue.locked(() -> {
            long first = firstLeft == null ? spool.nextTaken() : firstLeft.mark().first();
            acked = new Acked(upToSeq, first);
            List<SpoolSegment> done = spool.settled(first);
            if (!done.isEmpty() && writeAcked()) {
                remove(done);
            }
        });
        if (System.nanoTime() - writtenAt >= ACKED_NANOS) {
            writeAcked();
        }
    }

    private void remove(List<SpoolSegment> done) {
        try {
            spool.remove(done);
        } catch (IOException failure) {
            spool.failed("remove a file of", failure);
        }
    }

    private boolean writeAcked() {
        writtenAt = System.nanoTime();
        if (acked.equals(written)) {
            return true;
        }
        try {
            spool.folder().acked(acked);
            written = acked;
            return true;
        } catch (IOException failure) {
            queue.locked(() -> spool.failed("write to", failure));
            return false;
        }
    }

    @Override
    public void sync(long now) {
        if (nanosUntilSync(now) <= 0) {
            force();
        }
        if (now - writtenAt >= ACKED_NANOS) {
            writeAcked();
        }
    }

    /** Forces everything written before this call. The lock is not held meanwhile: the application goes on. */
    private void force() {
        syncedAt = System.nanoTime();
        List<SpoolSegment> written = new ArrayList<>();
        boolean[] filesCame = new boolean[1];
        queue.locked(() -> {
            written.addAll(spool.takeUnforced());
            filesCame[0] = spool.takeFilesCame();
        });
        try {
            for (SpoolSegment segment : written) {
                segment.force();
            }
            if (filesCame[0]) {
                spool.folder().force();
            }
        } catch (IOException failure) {
            queue.locked(() -> spool.failed("force to the disk", failure));
        }
    }

    @Override
    public long nanosUntilSync(long now) {
        // Also while no batch goes, since none can: the hub may be down for long.
        return syncedAt + Math.max(syncNanos, ACKED_NANOS) - now;
    }

    @Override
    public String trouble() {
        String[] found = new String[1];
        queue.locked(() -> found[0] = spool.takeTrouble());
        return found[0];
    }

    @Override
    public void close() {
        writeAcked();
        force();
        queue.locked(() -> {
            try {
                spool.close();
            } catch (IOException failure) {
                spool.failed("close", failure);
            }
        });
    }
}
