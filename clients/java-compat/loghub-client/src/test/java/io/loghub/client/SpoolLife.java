package io.loghub.client;

import io.loghub.client.Window.Held;
import io.loghub.testhub.FakeHub;
import io.loghub.v1.Ack;
import io.loghub.v1.Welcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** One life of a program with a spool, without a network: the test says what the hub answers. */
final class SpoolLife implements AutoCloseable {
    static final int BATCH_BYTES = 1024;
    static final int SPOOL_BYTES = 16 * BATCH_BYTES;

    final Counters counters = new Counters();
    final RecordQueue queue;
    final Journal journal;
    final Outbox outbox;
    final String producerId;

    /** Begins a life in this folder. */
    SpoolLife(Path folder) {
        this(folder, config -> config);
    }

    SpoolLife(Path folder, UnaryOperator<LoghubConfig.Builder> change) {
        Path none = Path.of("none");
        LoghubConfig config = change.apply(LoghubConfig.builder("h:1")
                        .caFile(none)
                        .certFile(none)
                        .keyFile(none)
                        .maxRecordBytes(BATCH_BYTES)
                        .batchBytes(BATCH_BYTES)
                        .batchRecords(2)
                        .linger(Duration.ZERO)
                        .spool(folder)
                        .spoolSync(Duration.ofHours(1)) // nothing here ends the machine
                        .spoolBytes(SPOOL_BYTES))
                .build();
        Spooling spooling = Spooling.open(config, counters, "random");
        queue = spooling.queue();
        journal = spooling.journal();
        producerId = spooling.producerId();
        outbox = new Outbox(config, queue, journal, counters, new Reporter(LoghubListener.NONE, counters));
    }

    SpoolLife offer(String... bodies) {
        for (String body : bodies) {
            if (!queue.offer(RecordSource.of(Records.of(body)))) {
                throw new AssertionError(body + " was not taken: " + journal.trouble());
            }
        }
        return this;
    }

    /** The hub welcomes, with what it says to have. */
    SpoolLife welcome(long lastSeq) {
        outbox.welcome(Welcome.newBuilder().setLastSeq(lastSeq).setLimits(FakeHub.WIDE).build());
        return this;
    }

    /** Sends one batch; returns it as {@code seq:body+body}, or null where there is none. */
    String send() {
        if (outbox.wantsBatch() && queue.isDue()) {
            outbox.makeBatch();
        }
        Held next = outbox.next();
        return next == null ? null : next.seq() + ":" + String.join("+", Records.bodies(next.batch()));
    }

    /** Sends all. */
    List<String> sendAll() {
        List<String> sent = new ArrayList<>();
        for (String next; (next = send()) != null; ) {
            sent.add(next);
        }
        return sent;
    }

    SpoolLife ack(long upToSeq) {
        outbox.acked(Ack.newBuilder().setUpToSeq(upToSeq).build());
        return this;
    }

    /** Returns the folder as it would be found if this process were killed now. */
    static Path killed(Path folder, Path copy) {
        try (Stream<Path> files = Files.list(folder)) {
            Files.createDirectories(copy);
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
            return copy;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    static List<Path> segments(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".spool")).sorted().toList();
        }
    }

    @Override
    public void close() {
        queue.close();
        journal.close();
    }
}
