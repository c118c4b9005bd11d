package io.loghub.client;

import io.loghub.v1.Batch;
import io.loghub.v1.LogRecord;
import java.util.List;
import java.util.stream.IntStream;

/** Records for tests, told apart by their bodies. */
final class Records {
    private Records() {}

    static LogRecord of(String body) {
        return LogRecord.newBuilder().setBody(body).build();
    }

    static List<LogRecord> all(String... bodies) {
        return List.of(bodies).stream().map(body -> of(body)).toList();
    }

    /** Returns a record of exactly this many bytes as serialised. */
    static LogRecord ofSize(int bytes) {
        return IntStream.rangeClosed(0, bytes)
                .mapToObj(length -> of("x".repeat(length)))
                .filter(record -> record.getSerializedSize() == bytes)
                .findFirst()
                .orElseThrow();
    }

    static List<String> bodies(List<LogRecord> records) {
        return records.stream().map(LogRecord::getBody).toList();
    }

    static List<String> bodies(Batch batch) {
        return bodies(batch.getRecordsList());
    }
}
