package io.loghub.compat;

import io.loghub.client.tail.TailRecord;
import java.io.PrintStream;
import java.util.List;
import java.util.StringJoiner;

/**
 * Says which numbered records have come, a line for each run of one producer:
 * {@code {"producer":"java-1","n":[0,1,2]}}.
 */
final class Numbers {
    private final PrintStream out;

    Numbers(PrintStream out) {
        this.out = out;
    }

    void say(List<TailRecord> records) {
        int from = 0;
        for (int i = 1; i <= records.size(); i++) {
            if (i == records.size() || !records.get(i).producerId().equals(records.get(from).producerId())) {
                sayRun(records.subList(from, i));
                from = i;
            }
        }
        out.flush();
    }

    private void sayRun(List<TailRecord> run) {
        StringJoiner numbers = new StringJoiner(",");
        for (TailRecord record : run) {
            numbers.add(Long.toString(record.log().getAttributesOrThrow("n").getIntValue()));
        }
        // Producer ids have no characters that JSON escapes.
        out.println("{\"producer\":\"" + run.get(0).producerId() + "\",\"n\":[" + numbers + "]}");
    }
}
