package io.loghub.client;

import io.loghub.v1.LogRecord;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A listener that keeps what it hears, in order, as lines. */
final class Heard implements LoghubListener {
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();

    @Override
    public void onAcked(List<LogRecord> records) {
        lines.add("acked " + String.join("+", Records.bodies(records)));
    }

    @Override
    public void onRejected(LogRecord record, String field, String reason) {
        lines.add("rejected " + record.getBody() + " " + field + " " + reason);
    }

    @Override
    public void onDropped(long records, String reason) {
        lines.add("dropped " + records + " " + reason);
    }

    @Override
    public void onState(String message) {
        lines.add("state " + message);
    }

    /** Waits for a line that begins so, passing over others. */
    String await(String beginning) {
        return await(line -> line.startsWith(beginning), beginning);
    }

    /** Waits for the next line that is not about the connection. */
    String next() {
        return await(line -> !line.startsWith("state "), "something");
    }

    private String await(Predicate<String> wanted, String what) {
        try {
            for (String line; (line = lines.poll(20, TimeUnit.SECONDS)) != null; ) {
                if (wanted.test(line)) {
                    return line;
                }
            }
            throw new AssertionError(what + " was not heard");
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** Returns how many lines that begin so are left. */
    long count(String beginning) {
        return lines.stream().filter(line -> line.startsWith(beginning)).count();
    }
}
