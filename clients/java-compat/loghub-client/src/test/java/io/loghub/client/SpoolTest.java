package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a spool keeps from one life of a program to the next. */
class SpoolTest {
    @TempDir
    Path temp;

    private Path folder;

    @BeforeEach
    void folder() {
        folder = temp.resolve("spool");
    }

    /** Returns a copy of the folder: what a killed process leaves, while its life goes on here. */
    private Path killed() {
        return SpoolLife.killed(folder, temp.resolve("killed"));
    }

    @Test
    @DisplayName("what was taken is there after a kill, in order, and counts as offered")
    void survives() {
        try (SpoolLife first = new SpoolLife(folder).offer("a", "b", "c");
                SpoolLife second = new SpoolLife(killed())) {
            assertEquals(3, first.counters.snapshot().pending());
            assertEquals(new ClientStats(3, 3, 0, 0, 0, 3, 0, 0), second.counters.snapshot());
            assertEquals(List.of("1:a+b", "2:c"), second.welcome(0).sendAll());
            second.ack(2);
            assertEquals(new ClientStats(3, 3, 3, 0, 0, 0, 0, 0), second.counters.snapshot());
        }
    }

    @Test
    @DisplayName("a batch that was sent comes again with its number and the same records, whatever came after it")
    void sameNumbers() {
        try (SpoolLife first = new SpoolLife(folder).offer("a").welcome(0)) {
            assertEquals("1:a", first.send());
            first.offer("b", "c", "d");
            try (SpoolLife second = new SpoolLife(killed())) {
                assertEquals(1, second.outbox.helloSeq());
                assertEquals(List.of("1:a", "2:b+c", "3:d"), second.welcome(0).sendAll());
            }
        }
    }

    @Test
    @DisplayName("what the hub has stored is not sent again, also where the kill came before the answer")
    void storedBeforeTheKill() {
        try (SpoolLife first = new SpoolLife(folder).offer("a", "b", "c").welcome(0)) {
            first.sendAll();
            try (SpoolLife second = new SpoolLife(killed())) {
                assertEquals(List.of("2:c"), second.welcome(1).sendAll());
                assertEquals(2, second.counters.snapshot().acked());
            }
        }
    }

    @Test
    @DisplayName("after an end in good order only what is not settled is there, and the count goes on")
    void goodOrder() {
        try (SpoolLife first = new SpoolLife(folder).offer("a", "b", "c").welcome(0)) {
            first.sendAll();
            first.ack(1);
        }
        try (SpoolLife second = new SpoolLife(folder)) {
            assertEquals(2, second.outbox.helloSeq());
            assertEquals(1, second.counters.snapshot().pending());
            assertEquals(List.of("2:c"), second.welcome(1).sendAll());
            second.ack(2);
        }
        try (SpoolLife third = new SpoolLife(folder).offer("d")) {
            assertEquals(List.of("3:d"), third.welcome(2).sendAll());
        }
    }

    @Test
    @DisplayName("batches that were numbered anew keep their new numbers")
    void renumbered() {
        try (SpoolLife first = new SpoolLife(folder).offer("a", "b", "c", "d", "e").welcome(0)) {
            assertEquals(List.of("1:a+b", "2:c+d", "3:e"), first.sendAll());
            first.outbox.split(1);
            first.outbox.next();
            first.outbox.next();
            first.outbox.drop(2, "never");
            try (SpoolLife second = new SpoolLife(killed())) {
                assertEquals(List.of("1:a", "2:c+d", "3:e"), second.welcome(0).sendAll());
            }
        }
    }

    @Test
    @DisplayName("a batch that was dropped last does not come back")
    void droppedLast() {
        try (SpoolLife first = new SpoolLife(folder).offer("a").welcome(0)) {
            first.send();
            first.outbox.drop(1, "never");
            first.offer("b");
            try (SpoolLife second = new SpoolLife(killed())) {
                assertEquals(List.of("1:b"), second.welcome(0).sendAll());
            }
        }
    }

    @Test
    @DisplayName("every beginning of a file gives the records that are whole in it, in their batches")
    void everyPrefix() throws IOException {
        byte[] whole = twoBatchesAndTwoMore();
        List<String> all = List.of("1:a+b", "2:c+d", "3:e+f");
        int most = 0;
        for (int length = 0; length <= whole.length; length++) {
            byte[] prefix = Arrays.copyOf(whole, length);
            String sent = String.join(" ", sentAfter(prefix, length));
            String records = sent.replaceAll("\\d:|\\+| ", "");
            assertTrue("abcdef".startsWith(records), length + ": " + sent);
            assertTrue(records.length() >= most, length + ": " + sent);
            most = records.length();
            assertEquals(String.join(" ", all).replaceAll("\\d:|\\+| ", "").substring(0, most), records);
        }
        assertEquals(6, most);
        assertEquals(all, sentAfter(whole, whole.length + 1));
    }

    @Test
    @DisplayName("whatever byte of a file is flipped, what is sent is sent once and in order, and the account is even")
    void everyFlippedByte() throws IOException {
        byte[] whole = twoBatchesAndTwoMore();
        for (int at = 0; at < whole.length; at++) {
            byte[] flipped = whole.clone();
            flipped[at] ^= 0x55;
            String records = String.join("", sentAfter(flipped, at)).replaceAll("\\d:|\\+", "");
            assertTrue("abcdef".matches(".*" + String.join(".*", records.split("")) + ".*"), at + ": " + records);
            assertTrue(records.length() <= 6, at + ": " + records);
        }
    }

    /** Returns the one file of a life that had six records, of which four were sent. */
    private byte[] twoBatchesAndTwoMore() throws IOException {
        try (SpoolLife life = new SpoolLife(folder).offer("a", "b").welcome(0)) {
            life.send();
            life.offer("c", "d");
            life.send();
            life.offer("e", "f");
            List<Path> files = SpoolLife.segments(folder);
            assertEquals(1, files.size());
            return Files.readAllBytes(files.get(0));
        }
    }

    private List<String> sentAfter(byte[] file, int name) throws IOException {
        Path other = Files.createDirectory(temp.resolve("life-" + name));
        Files.write(other.resolve("0000000000000001-0000000000000000.spool"), file);
        try (SpoolLife life = new SpoolLife(other).welcome(0)) {
            List<String> sent = life.sendAll();
            ClientStats stats = life.counters.snapshot();
            long records = sent.stream().mapToLong(batch -> batch.split("\\+").length).sum();
            assertEquals(records, stats.pending(), name + ": " + sent + " " + stats);
            return sent;
        }
    }

    @Test
    @DisplayName("damage in the middle costs the records in it, which are counted and said")
    void damagedFile() throws IOException {
        try (SpoolLife life = new SpoolLife(folder)) {
            IntStream.range(0, 60).forEach(n -> life.offer("record " + n + " " + "x".repeat(100)));
        }
        List<Path> files = SpoolLife.segments(folder);
        assertTrue(files.size() >= 4, files.toString());
        byte[] bytes = Files.readAllBytes(files.get(1));
        bytes[SpoolFrame.RECORD_OVERHEAD + 5] ^= 1;
        Files.write(files.get(1), bytes);

        try (SpoolLife life = new SpoolLife(folder, config -> config.batchRecords(1)).welcome(0)) {
            int sent = life.sendAll().size();
            ClientStats stats = life.counters.snapshot();
            assertTrue(sent > 30 && sent < 60, stats.toString());
            assertEquals(60 - sent, stats.dropped());
            assertEquals("the spool in " + folder + " is damaged: " + (60 - sent) + " records are lost",
                    life.journal.trouble());
        }
    }

    @Test
    @DisplayName("where damage took batches from among others, the rest is numbered anew and sent once")
    void damagedBatches() throws IOException {
        try (SpoolLife life = new SpoolLife(folder, config -> config.batchRecords(1)).welcome(0)) {
            for (int n = 0; n < 60; n++) {
                life.offer(n + " " + "x".repeat(100));
                life.send();
            }
        }
        List<Path> files = SpoolLife.segments(folder);
        byte[] bytes = Files.readAllBytes(files.get(1));
        bytes[SpoolFrame.RECORD_OVERHEAD + 5] ^= 1;
        Files.write(files.get(1), bytes);

        try (SpoolLife life = new SpoolLife(folder).welcome(0)) {
            List<String> sent = life.sendAll();
            assertTrue(sent.size() > 30 && sent.size() < 60, sent.toString());
            long last = -1;
            for (int i = 0; i < sent.size(); i++) {
                assertTrue(sent.get(i).startsWith(1 + i + ":"), sent.get(i));
                long number = Long.parseLong(sent.get(i).split("[: ]")[1]);
                assertTrue(number > last, sent.get(i));
                last = number;
            }
            assertEquals(59, last);
            assertEquals(sent.size(), life.counters.snapshot().pending());
            try (SpoolLife next = new SpoolLife(killed())) {
                assertEquals(sent, next.welcome(0).sendAll(), "the new numbers are kept");
            }
        }
    }

    @Test
    @DisplayName("an account of what is settled that cannot be read only makes the hub say it again")
    void damagedAccount() throws IOException {
        try (SpoolLife life = new SpoolLife(folder).offer("a", "b", "c").welcome(0)) {
            life.sendAll();
            life.ack(1);
        }
        byte[] account = Files.readAllBytes(folder.resolve("acked"));
        for (int at = 0; at < account.length; at++) {
            byte[] flipped = account.clone();
            flipped[at] ^= 0x10;
            Path other = SpoolLife.killed(folder, temp.resolve("account-" + at));
            Files.write(other.resolve("acked"), flipped);
            try (SpoolLife life = new SpoolLife(other)) {
                assertEquals(List.of("2:c"), life.welcome(1).sendAll());
            }
        }
    }

    @Test
    @DisplayName("files go when all in them is settled, so that much more than the bound passes through")
    void filesGo() throws IOException {
        try (SpoolLife life = new SpoolLife(folder).welcome(0)) {
            for (int n = 0; n < 400; n++) {
                life.offer("record " + n + " " + "x".repeat(100));
                life.send();
                life.ack(n + 1);
            }
            assertEquals(400, life.counters.snapshot().acked());
            assertTrue(SpoolLife.segments(folder).size() <= 2);
        }
    }

    /** Fills the spool; returns how many records that took. */
    private int fill(SpoolLife life) {
        int taken = 0;
        while (life.queue.offer(record(taken))) {
            taken++;
        }
        return taken;
    }

    private static RecordSource record(int number) {
        return RecordSource.of(Records.of(number + " " + "x".repeat(100)));
    }

    @Test
    @DisplayName("a full spool refuses and counts, and takes again when something is settled")
    void dropNewest() {
        try (SpoolLife life = new SpoolLife(folder).welcome(0)) {
            int taken = fill(life);
            assertTrue(taken > 100, "" + taken);
            assertEquals(1, life.counters.snapshot().dropped());
            for (int seq = 1; seq <= 10; seq++) {
                assertTrue(life.send().startsWith(seq + ":"));
                life.ack(seq);
            }
            assertTrue(life.queue.offer(record(taken)));
        }
    }

    @Test
    @DisplayName("drop oldest: the newest stay, what was sent stays too, and what was dropped does not come back")
    void dropOldest() {
        try (SpoolLife life = new SpoolLife(folder, config -> config.queuePolicy(QueuePolicy.DROP_OLDEST))) {
            life.welcome(0);
            life.queue.offer(record(0));
            assertTrue(life.send().startsWith("1:0 "));
            for (int n = 1; n < 300; n++) {
                assertTrue(life.queue.offer(record(n)), "" + n);
            }
            try (SpoolLife second = new SpoolLife(killed(), config -> config.batchRecords(1))) {
                List<String> sent = new ArrayList<>();
                second.welcome(0);
                for (String next; (next = second.send()) != null; second.ack(sent.size())) {
                    sent.add(next);
                }
                assertTrue(sent.get(0).startsWith("1:0 "), sent.get(0));
                assertEquals(300, sent.size() + life.counters.snapshot().dropped());
                for (int i = 1; i < sent.size(); i++) {
                    assertTrue(sent.get(i).startsWith(1 + i + ":" + (300 - sent.size() + i) + " "), sent.get(i));
                }
            }
        }
    }

    @Test
    @DisplayName("block: the caller goes on when the hub has taken something")
    void block() throws Exception {
        try (SpoolLife life = new SpoolLife(
                folder, config -> config.queuePolicy(QueuePolicy.BLOCK).blockDeadline(Duration.ofMillis(1)))) {
            life.welcome(0);
            fill(life);
        }
        try (SpoolLife life = new SpoolLife(
                folder, config -> config.queuePolicy(QueuePolicy.BLOCK).blockDeadline(Duration.ofMinutes(5)))) {
            life.welcome(0);
            CompletableFuture<Boolean> offered = CompletableFuture.supplyAsync(() -> life.queue.offer(record(0)));
            for (int seq = 1; !offered.isDone() && seq <= 10; seq++) {
                life.send();
                life.ack(seq);
            }
            assertTrue(offered.get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    @DisplayName("an interrupted application thread writes like any other, and stays interrupted")
    void interrupted() {
        try (SpoolLife life = new SpoolLife(folder)) {
            Thread.currentThread().interrupt();
            life.offer("a");
            assertTrue(Thread.interrupted());
            life.offer("b");
            assertEquals(List.of("1:a+b"), life.welcome(0).sendAll());
            assertNull(life.journal.trouble());
        }
    }

    @Test
    @DisplayName("a folder serves one client at a time, and is free again when that has ended")
    void oneHolder() {
        try (SpoolLife life = new SpoolLife(folder).offer("a")) {
            String message =
                    assertThrows(UncheckedIOException.class, () -> new SpoolLife(folder)).getMessage();
            assertTrue(message.contains(folder.toString()) && message.contains("in use"), message);
            assertFalse(life.queue.isEmpty());
        }
        new SpoolLife(folder).close();
    }

    @Test
    @DisplayName("the name that batches are counted by stays with the folder, and another is refused")
    void producerId() {
        try (SpoolLife life = new SpoolLife(folder, config -> config.producerId("p1"))) {
            assertEquals("p1", life.producerId);
        }
        try (SpoolLife life = new SpoolLife(folder)) {
            assertEquals("p1", life.producerId);
        }
        String message = assertThrows(
                        UncheckedIOException.class,
                        () -> new SpoolLife(folder, config -> config.producerId("p2")))
                .getMessage();
        assertTrue(message.contains("'p1'") && message.contains("'p2'"), message);
    }

    @Test
    @DisplayName("a place that cannot be a folder is refused with its name")
    void noFolder() throws IOException {
        Files.writeString(folder, "a file");

        String message =
                assertThrows(UncheckedIOException.class, () -> new SpoolLife(folder)).getMessage();
        assertTrue(message.contains(folder.toString()), message);
    }
}
