package io.loghub.client;

import com.google.protobuf.CodedOutputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** Keeps records in memory, bounded by the bytes of all that were taken in and not yet released. */
final class MemoryStore implements Store {
    private final long maxBytes;
    private final ArrayDeque<RecordSource> records = new ArrayDeque<>();
    private long queuedBytes;
    private long takenBytes;

    MemoryStore(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** Returns what a record of this size adds to a batch: itself, its tag and its length. */
    static long inBatch(int size) {
        return size + 1L + CodedOutputStream.computeUInt32SizeNoTag(size);
    }

    @Override
    public RecordSource prepare(RecordSource record) {
        return record;
    }

    @Override
    public long count() {
        return records.size();
    }

    @Override
    public long bytes() {
        return queuedBytes;
    }

    @Override
    public boolean couldHold(long weight) {
        return weight <= maxBytes;
    }

    @Override
    public boolean hasRoom(long weight) {
        return queuedBytes + takenBytes + weight <= maxBytes;
    }

    @Override
    public boolean add(RecordSource record) {
        records.addLast(record);
        queuedBytes += record.weight();
        return true;
    }

    @Override
    public long dropOldest() {
        // What has been taken is numbered and may be stored already, so only what still waits can go.
        RecordSource oldest = records.pollFirst();
        if (oldest == null) {
            return 0;
        }
        queuedBytes -= oldest.weight();
        return 1;
    }

    @Override
    public Taken take(int maxRecords, long maxBytes) {
        List<RecordSource> batch = new ArrayList<>(Math.min(maxRecords, records.size()));
        long inBatch = 0;
        long bytes = 0;
        for (RecordSource next; batch.size() < maxRecords && (next = records.peekFirst()) != null; ) {
            int weight = next.weight();
            inBatch += inBatch(weight);
            if (!batch.isEmpty() && inBatch > maxBytes) {
                break;
            }
            batch.add(records.removeFirst());
            bytes += weight;
        }
        queuedBytes -= bytes;
        takenBytes += bytes;
        return new Taken(batch, bytes, 0);
    }

    @Override
    public void release(long bytes) {
        takenBytes -= bytes;
    }
}
