package io.loghub.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.testhub.StoringHub;
import io.loghub.testhub.TestPki;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoadTest {
    private static final int LIVES = 5;

    @TempDir
    Path folder;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private TestPki pki;

    @BeforeEach
    void issue() {
        pki = new TestPki(folder);
    }

    private boolean run(String endpoint, int count, String... more) {
        List<String> args = new ArrayList<>(List.of(
                "--endpoint", endpoint,
                "--ca", pki.ca().toString(),
                "--cert", pki.clientCert().toString(),
                "--key", pki.clientKey().toString(),
                "--producer-id", "load-1",
                "--count", Integer.toString(count)));
        args.addAll(List.of(more));
        PrintStream print = new PrintStream(out, true, StandardCharsets.UTF_8);
        return new Load(LoadOptions.parse(args.toArray(String[]::new)), print, System.err).run();
    }

    private List<String> lines() {
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    @DisplayName("while the hub is killed again and again all records are stored once, and said to be acknowledged")
    void survivesRestarts() throws Exception {
        int count = 2000;
        Semaphore reached = new Semaphore(0);
        try (StoringHub hub = new StoringHub(pki)) {
            int[] next = {count / LIVES};
            hub.onStored(stored -> {
                if (stored >= next[0]) {
                    next[0] += count / LIVES;
                    reached.release();
                }
            });
            CompletableFuture<Boolean> load = CompletableFuture.supplyAsync(
                    () -> run(hub.endpoint(), count, "--batch-records", "20", "--rate", "2000"));
            for (int life = 1; life < LIVES; life++) {
                assertTrue(reached.tryAcquire(30, TimeUnit.SECONDS));
                hub.kill();
                hub.start();
            }

            assertTrue(load.get(50, TimeUnit.SECONDS));
            assertEquals(
                    IntStream.range(0, count).mapToObj(n -> n + " load " + n).toList(),
                    hub.stored().stream()
                            .map(record -> record.getAttributesOrThrow("n").getIntValue() + " " + record.getBody())
                            .toList());
        }
        List<String> lines = lines();
        assertEquals("{\"acked_up_to\":1999}", lines.get(lines.size() - 2));
        String last = lines.get(lines.size() - 1);
        assertTrue(last.matches("\\{\"sent\":2000,\"acked\":2000,\"reconnects\":[1-9]\\d*,\"dropped\":0,.*}"), last);
    }

    @Test
    @DisplayName("a hub that never comes: not all are acknowledged, and it says so by the deadline")
    void givesUp() {
        String endpoint;
        try (StoringHub hub = new StoringHub(pki)) {
            endpoint = hub.endpoint();
        }

        assertFalse(run(endpoint, 10, "--deadline-seconds", "0.3"));
        // How many it had offered by then depends on the machine; that none is claimed does not.
        assertEquals(1, lines().size());
        assertTrue(lines().get(0).matches("\\{\"sent\":\\d+,\"acked\":0,\"reconnects\":0,.*}"), lines().get(0));
    }

    @Test
    @DisplayName("a wrong command line is refused by the name of the option")
    void wrongOptions() {
        Stream.of(
                        List.of("--nonsense", "1"),
                        List.of("--count"),
                        List.of("--endpoint", "h:1"),
                        List.of("--endpoint", "h:1", "--ca", "a", "--cert", "b", "--key", "c", "--producer-id", "p",
                                "--count", "0"))
                .forEach(args -> {
                    String message = assertThrows(
                                    IllegalArgumentException.class,
                                    () -> LoadOptions.parse(args.toArray(String[]::new)))
                            .getMessage();
                    assertTrue(message.contains("--"), message);
                });
    }
}
