package io.loghub.client.tail;

import com.google.protobuf.Timestamp;
import io.loghub.v1.Subscribe;
import java.time.Instant;
import java.util.Objects;
import java.util.function.Consumer;

/** Where a subscription begins. */
public final class From {
    private final Consumer<Subscribe.Builder> place;

    private From(Consumer<Subscribe.Builder> place) {
        this.place = place;
    }

    /** With what comes from now on. */
    public static From now() {
        return new From(subscribe -> { });
    }

    /** With the oldest record that is stored. */
    public static From oldest() {
        return new From(subscribe -> subscribe.setOldest(true));
    }

    /** With so many of the newest stored records that match; the hub limits how many. */
    public static From last(int records) {
        if (records < 1) {
            throw new IllegalArgumentException("last must be at least 1");
        }
        return new From(subscribe -> subscribe.setLast(records));
    }

    /** With the first record that the hub received at or after this time. */
    public static From since(Instant time) {
        Timestamp stamp = Timestamp.newBuilder()
                .setSeconds(time.getEpochSecond())
                .setNanos(time.getNano())
                .build();
        return new From(subscribe -> subscribe.setSince(stamp));
    }

    /** Just after a cursor, as {@link TailSubscription#cursor()} returned it in an earlier life; empty: now. */
    public static From cursor(String cursor) {
        Objects.requireNonNull(cursor, "cursor is null: use From.now() where there is none yet");
        return cursor.isEmpty() ? now() : new From(subscribe -> subscribe.setCursor(cursor));
    }

    void applyTo(Subscribe.Builder subscribe) {
        place.accept(subscribe);
    }
}
