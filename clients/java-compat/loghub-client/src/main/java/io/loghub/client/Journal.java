package io.loghub.client;

import io.loghub.client.Window.Held;
import java.util.List;

/** Remembers over the end of the process how batches are numbered and which are settled; for the sending thread. */
interface Journal {
    /** Remembers nothing: what is not acknowledged when the process ends is lost. */
    Journal NONE = new Journal() {};

    /** Returns the batches that an earlier life numbered and that are not known to be settled, in order. */
    default List<Held> restored() {
        return List.of();
    }

    /** Returns the number of the next batch. */
    default long nextSeq() {
        return 1;
    }

    /** Remembers, before any of them is sent, the numbers of these batches, which are the last ones. */
    default void numbered(List<Held> batches) {}

    /** Remembers that {@code seq} is the next number, and that no batch has it or one above it. */
    default void takenBackFrom(long seq) {}

    /** Remembers that all up to this batch is settled; {@code firstLeft} is the first that is not, or null. */
    default void settled(long upToSeq, Held firstLeft) {}

    /** Forces to the disk what is due; at once, or as late as is configured. */
    default void sync(long now) {}

    /** Returns how long until something is due to be forced to the disk. */
    default long nanosUntilSync(long now) {
        return Long.MAX_VALUE / 4;
    }

    /** Returns what went wrong since this was last asked, or null. */
    default String trouble() {
        return null;
    }

    /** Ends; what is not settled stays for the next life. */
    default void close() {}
}
