package io.loghub.client.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BackoffTest {
    private static final Duration MIN = Duration.ofNanos(100);
    private static final Duration MAX = Duration.ofNanos(450);

    @Test
    @DisplayName("the upper bound doubles up to the maximum, and begins anew after a reset")
    void ceiling() {
        Backoff backoff = new Backoff(MIN, MAX, bound -> bound - 1);

        List<Long> delays = LongStream.generate(backoff::nextNanos).limit(5).boxed().toList();

        assertEquals(List.of(100L, 200L, 400L, 450L, 450L), delays);
        backoff.reset();
        assertEquals(100, backoff.nextNanos());
    }

    @Test
    @DisplayName("the jitter is full: a delay may be nothing")
    void jitter() {
        assertEquals(0, new Backoff(MIN, MAX, bound -> 0).nextNanos());
    }

    @Test
    @DisplayName("a slow delay lies in the upper half")
    void slow() {
        assertEquals(225, new Backoff(MIN, MAX, bound -> 0).slowNanos());
        assertTrue(new Backoff(MIN, MAX, bound -> bound - 1).slowNanos() <= MAX.toNanos());
    }
}
