package io.loghub.client.tail;

import io.loghub.v1.Gap;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** A listener that keeps what it hears, in order, as lines. */
class HeardTail implements TailListener {
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> states = new LinkedBlockingQueue<>();

    @Override
    public void onRecords(List<TailRecord> records, String cursor) {
        lines.add(records.stream().map(one -> one.log().getBody()).collect(Collectors.joining("+")) + " " + cursor);
    }

    @Override
    public void onGap(Gap gap) {
        lines.add("gap " + gap.getFromOffset() + "-" + gap.getToOffset());
    }

    @Override
    public void onPosition(String cursor) {
        lines.add("position " + cursor);
    }

    @Override
    public void onState(String message) {
        states.add(message);
    }

    @Override
    public void onEnd(TailEnd end) {
        lines.add("end " + (end.failed() ? "failed " : "") + end.reason());
    }

    /** Waits for the next line that is not about the connection. */
    String next() {
        return take(lines, "a line");
    }

    /** Returns how many lines nobody has waited for. */
    int unheard() {
        return lines.size();
    }

    /** Waits for something about the connection that begins so, passing over others. */
    String state(String beginning) {
        String said = take(states, beginning);
        while (!said.startsWith(beginning)) {
            said = take(states, beginning);
        }
        return said;
    }

    private static String take(BlockingQueue<String> queue, String what) {
        try {
            String next = queue.poll(20, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError(what + " was not heard");
            }
            return next;
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}
