package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.client.SpoolFrame.Mark;
import io.loghub.client.Window.Held;
import io.loghub.v1.Resource;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class WindowTest {
    private static final long WIDE = 1 << 20;

    private final Window window = new Window(Resource.newBuilder().setService("s").build());

    private void append(String... bodies) {
        window.append(Records.all(bodies), 10, 0, bodies.length);
    }

    /** Sends what may be sent; returns it as {@code seq:body+body}. */
    private List<String> send() {
        List<String> sent = new ArrayList<>();
        for (Held next = window.next(); next != null; next = window.next()) {
            assertEquals(next.seq(), next.batch().getSeq());
            sent.add(next.seq() + ":" + String.join("+", Records.bodies(next.batch())));
        }
        return sent;
    }

    private static List<Long> seqs(List<Held> batches) {
        return batches.stream().map(Held::seq).toList();
    }

    @Test
    @DisplayName("batches are numbered from 1 without holes and carry the resource")
    void numbers() {
        window.welcome(0, 10, WIDE);
        append("a");
        append("b", "c");

        assertEquals("s", window.next().batch().getResource().getService());
        assertEquals(List.of("2:b+c"), send());
    }

    @Test
    @DisplayName("no more batches are sent than the window takes, and an ack makes room")
    void windowByBatches() {
        window.welcome(0, 2, WIDE);
        append("a");
        append("b");
        append("c");

        assertEquals(List.of("1:a", "2:b"), send());
        assertFalse(window.hasRoom());
        assertEquals(List.of(1L), seqs(window.ack(1)));
        assertEquals(List.of("3:c"), send());
    }

    @Test
    @DisplayName("no more bytes are sent than the window takes, but one batch always may be")
    void windowByBytes() {
        window.welcome(0, 10, 1);
        append("a");
        append("b");

        assertEquals(List.of("1:a"), send());
        window.ack(1);
        assertEquals(List.of("2:b"), send());
        window.ack(2);
        assertTrue(window.isEmpty());
        assertFalse(window.hasUnacked());
    }

    @Test
    @DisplayName("after a break what was stored is settled and the rest is sent again in order")
    void resume() {
        window.welcome(0, 10, WIDE);
        append("a");
        append("b");
        append("c");
        send();

        assertEquals(1, window.helloSeq());
        assertEquals(List.of(1L, 2L), seqs(window.welcome(2, 10, WIDE)));
        assertEquals(List.of("3:c"), send());
        assertEquals(3, window.helloSeq());
    }

    @Test
    @DisplayName("a producer id with a past goes on after its last batch")
    void goesOnAfterAnotherLife() {
        assertTrue(window.welcome(41, 10, WIDE).isEmpty());
        append("a");

        assertEquals(List.of("42:a"), send());
    }

    @Test
    @DisplayName("an ack settles only what was sent on this stream")
    void ackOfUnsent() {
        window.welcome(0, 1, WIDE);
        append("a");
        append("b");
        send();

        assertEquals(List.of(1L), seqs(window.ack(99)));
        assertEquals(List.of("2:b"), send());
    }

    @Test
    @DisplayName("going back sends that batch and all after it again")
    void goBack() {
        window.welcome(0, 10, WIDE);
        append("a");
        append("b");
        append("c");
        send();

        assertTrue(window.goBack(2));
        assertTrue(window.isUnsent(2));
        assertFalse(window.isUnsent(1));
        assertEquals(List.of("2:b", "3:c"), send());
        assertFalse(window.goBack(4), "4 was never made");
        assertFalse(window.goBack(0));
    }

    @Test
    @DisplayName("a split batch keeps its records in order and moves the numbers of those behind it")
    void split() {
        window.welcome(0, 10, WIDE);
        append("a");
        append("b", "c", "d");
        append("e");
        send();

        window.split(2);

        assertEquals(List.of("2:b", "3:c+d", "4:e"), send());
        append("f");
        assertEquals(List.of("5:f"), send());
        assertEquals(30, window.ack(4).stream().mapToLong(Held::queueBytes).sum(), "a split loses no room");
    }

    @Test
    @DisplayName("a dropped batch leaves no hole in the count")
    void drop() {
        window.welcome(0, 10, WIDE);
        append("a");
        append("b");
        append("c");
        send();

        assertEquals(List.of("b"), Records.bodies(window.drop(2).records()));
        assertEquals(List.of("2:c"), send());
        append("d");
        assertEquals(List.of("3:d"), send());
    }

    @Test
    @DisplayName("what was dropped last frees its number for the next batch")
    void dropLast() {
        window.welcome(0, 10, WIDE);
        append("a");
        send();

        window.drop(1);

        assertTrue(window.isEmpty());
        assertEquals(1, window.helloSeq());
        append("b");
        assertEquals(List.of("1:b"), send());
    }

    @Test
    @DisplayName("holes between the batches of an earlier life are closed, from the first number that the hub takes")
    void holes() {
        Held first = Held.restored(new Mark(4, 0, 1), Records.all("a"));
        Held second = Held.restored(new Mark(7, 5, 1), Records.all("b"));
        window.restore(List.of(first, second), 9);

        assertEquals(4, window.helloSeq());
        window.welcome(3, 10, WIDE);
        assertTrue(window.mendHoles(4));
        append("c");
        assertEquals(List.of("4:a", "5:b", "6:c"), send());
        assertEquals(new Mark(5, 5, 1), second.mark());
        assertFalse(window.mendHoles(4));
    }

    @Test
    @DisplayName("a batch is sent for the first time once, however often it is sent")
    void firstSend() {
        window.welcome(0, 10, WIDE);
        append("a");
        Held first = window.next();

        assertTrue(Window.isFirstSend(first));
        window.welcome(0, 10, WIDE);
        Held again = window.next();
        assertFalse(Window.isFirstSend(again));
        assertNull(window.next());
    }

    @Test
    @DisplayName("bytes in flight are counted right through going back, splitting and settling")
    void bytesAddUp() {
        long one = batchBytes();
        window.welcome(0, 10, 2 * one);
        for (String body : new String[] {"a", "b", "c", "d"}) {
            append(body);
        }
        assertEquals(2, send().size());
        window.goBack(2);
        assertEquals(List.of("2:b"), send());
        window.ack(1);
        assertEquals(List.of("3:c"), send());
        window.drop(2);
        assertEquals(List.of("2:c", "3:d"), send());
    }

    private static long batchBytes() {
        Window other = new Window(Resource.newBuilder().setService("s").build());
        other.welcome(0, 1, WIDE);
        other.append(List.of(Records.of("a")), 1, 0, 1);
        return other.next().batch().getSerializedSize();
    }
}
