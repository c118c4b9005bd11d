package io.loghub.client;

import io.loghub.v1.Limits;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Resource;
import io.loghub.v1.Value;
import java.util.List;

/** Makes the contents of batches, within what is configured and what the hub takes. */
final class BatchMaker {
    // Sequence number, time of receipt and producer id, which the hub counts as part of the batch.
    private static final int ENVELOPE_BYTES = 192;

    private final LoghubConfig config;
    private final Resource resource;
    private Limits limits = Limits.getDefaultInstance();

    BatchMaker(LoghubConfig config) {
        this.config = config;
        Resource.Builder shared = Resource.newBuilder()
                .setService(Text.scrub(config.service()))
                .setHost(Text.scrub(config.host()));
        config.attributes().forEach((key, value) -> shared.putAttributes(Text.scrub(key), scrubbed(value)));
        this.resource = shared.build();
    }

    private static Value scrubbed(Object value) {
        return Values.of(value instanceof String text ? Text.scrub(text) : value);
    }

    Resource resource() {
        return resource;
    }

    /** Sets what the hub takes; a limit of 0 is none. */
    void limit(Limits hubLimits) {
        limits = hubLimits;
    }

    int maxRecords() {
        return (int) smaller(config.batchRecords(), limits.getMaxBatchRecords());
    }

    /** Returns the bytes that the records of a batch may have together. */
    long maxBytes() {
        long batch = smaller(config.batchBytes(), limits.getMaxBatchBytes());
        return Math.max(1, batch - ENVELOPE_BYTES - resource.getSerializedSize());
    }

    int maxUnackedBatches() {
        return (int) smaller(Integer.MAX_VALUE, limits.getMaxUnackedBatches());
    }

    /** Half of the queue at most, so that the other half can take what comes while the hub is slow. */
    long maxUnackedBytes() {
        return smaller(config.queueBytes() / 2, limits.getMaxUnackedBytes());
    }

    // Unsigned on the wire, so negative here is more than any bound of ours.
    private static long smaller(long own, long hubs) {
        return hubs <= 0 ? own : Math.min(own, hubs);
    }

    /** Returns the record as the hub takes it. */
    LogRecord fit(LogRecord record) {
        // A record must fit into a batch by itself, whatever limit the hub has for records.
        long maxRecordBytes = Math.min(
                smaller(config.maxRecordBytes(), limits.getMaxRecordBytes()), Math.max(1, maxBytes() - 8));
        return RecordFit.cut(RecordFit.scrub(record), maxRecordBytes, limits.getMaxAttributes());
    }

    /** Returns how many records from {@code begin} on make a batch: one at least, for it fits by itself. */
    int fitting(List<LogRecord> records, int begin) {
        long room = maxBytes();
        int end = begin;
        while (end < records.size()) {
            room -= MemoryStore.inBatch(records.get(end).getSerializedSize());
            if (room < 0 && end > begin) {
                break;
            }
            end++;
        }
        return end - begin;
    }
}
