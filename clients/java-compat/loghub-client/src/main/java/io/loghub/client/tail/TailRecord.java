package io.loghub.client.tail;

import io.loghub.v1.Batch;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Records;
import io.loghub.v1.Resource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A record as it stands in the tenant's log.
 *
 * @param offset its number in the log; the records of a tenant are numbered from 0 without holes
 * @param log the record, as the producer wrote it
 * @param resource what its batch shares: service, host and attributes that the record itself does not name
 * @param producerId who sent it
 * @param receivedTimeUnixNano when the hub took it in, nanoseconds since the Unix epoch
 */
public record TailRecord(
        long offset, LogRecord log, Resource resource, String producerId, long receivedTimeUnixNano) {

    /** Returns the name of the service, the record's own or its resource's. */
    public String service() {
        return log.getService().isEmpty() ? resource.getService() : log.getService();
    }

    /** Returns the name of the host, the record's own or its resource's. */
    public String host() {
        return log.getHost().isEmpty() ? resource.getHost() : log.getHost();
    }

    /** Returns the records of a message, in the order of the log. */
    public static List<TailRecord> of(Records message) {
        List<TailRecord> records = new ArrayList<>();
        for (Batch batch : message.getBatchesList()) {
            for (int i = 0; i < batch.getRecordsCount(); i++) {
                long index = batch.getIndexesCount() == 0 ? i : Integer.toUnsignedLong(batch.getIndexes(i));
                records.add(new TailRecord(
                        batch.getFirstOffset() + index,
                        batch.getRecords(i),
                        batch.getResource(),
                        batch.getProducerId(),
                        batch.getReceivedTimeUnixNano()));
            }
        }
        return Collections.unmodifiableList(records);
    }
}
