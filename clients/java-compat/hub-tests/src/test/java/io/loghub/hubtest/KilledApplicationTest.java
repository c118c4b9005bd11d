package io.loghub.hubtest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An application with a spool is killed, with its hub there and with its hub away. */
class KilledApplicationTest {
    private static final int KILLS = 4;
    private static final long NUMBERS_PER_LIFE = 10_000_000;
    private static final long PROGRESS_BYTES = 20_000;

    @TempDir
    Path folder;

    private Path account;

    @BeforeEach
    void account() throws IOException {
        account = Files.createFile(folder.resolve("account"));
    }

    private Process start(RealHub hub, int life, long count, String settings) throws IOException {
        String configuration = """
                <configuration>
                  <appender name="LOGHUB" class="io.loghub.logback.LoghubAppender">
                    <endpoint>%s</endpoint>
                    <caFile>%s</caFile><certFile>%s</certFile><keyFile>%s</keyFile>
                    <service>spooling</service>
                    <batchRecords>100</batchRecords>
                    <spool>%s</spool>
                    %s
                  </appender>
                  <root level="INFO"><appender-ref ref="LOGHUB"/></root>
                </configuration>
                """.formatted(hub.endpoint(), hub.file("ca"), hub.file("cert"), hub.file("key"),
                folder.resolve("spool"), settings);
        Path log = folder.resolve("application-" + life + ".log");
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m", "-XX:TieredStopAtLevel=1",
                        "-cp", System.getProperty("java.class.path"),
                        SpoolingApplication.class.getName(),
                        configuration, account.toString(), Long.toString(life * NUMBERS_PER_LIFE),
                        Long.toString(count))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
    }

    /** Has an application log for a while, then kills it. */
    private void liveAndBeKilled(RealHub hub, int life, String settings) throws Exception {
        long goal = Files.size(account) + PROGRESS_BYTES;
        Process application = start(hub, life, 0, settings);
        try {
            Path log = folder.resolve("application-" + life + ".log");
            Waiting.until(60, "it logs nothing", () -> {
                assertTrue(application.isAlive(), () -> read(log));
                return Files.size(account) >= goal;
            });
        } finally {
            application.destroyForcibly();
            application.waitFor();
        }
    }

    /** Has an application log a little and end when all is acknowledged, what earlier lives have left too. */
    private void liveAndEnd(RealHub hub, int life, String settings) throws Exception {
        Process application = start(hub, life, 10, settings);
        try {
            assertTrue(application.waitFor(90, TimeUnit.SECONDS), "it does not end");
            assertEquals(0, application.exitValue(), () -> read(folder.resolve("application-" + life + ".log")));
        } finally {
            application.destroyForcibly();
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            return failure.toString();
        }
    }

    /** Returns the numbers that the application says the appender took ('+') or dropped ('-'). */
    private Set<String> said(char sign) throws IOException {
        Set<String> said = new HashSet<>();
        for (String line : Files.readAllLines(account)) {
            if (line.length() > 2 && line.charAt(0) == sign) {
                said.add(line.substring(2));
            }
        }
        return said;
    }

    /** Checks the account; each kill may have come between a record's way into the spool and the line that says so. */
    private void check(RealHub hub, int kills) throws IOException {
        List<String> delivered = hub.bodies("spooling");
        Set<String> once = new HashSet<>(delivered);
        assertEquals(delivered.size(), once.size(), "none is doubled");
        Set<String> missing = said('+');
        missing.removeAll(once);
        assertTrue(missing.isEmpty(), () -> "not all that was taken is delivered: of " + delivered.size() + " not "
                + missing.size() + ", " + missing.stream().mapToLong(Long::parseLong).sorted().limit(1000).boxed().toList());
        Set<String> unsaid = new HashSet<>(once);
        unsaid.removeAll(said('+'));
        assertTrue(unsaid.size() <= kills, unsaid.toString());
        assertTrue(said('-').stream().noneMatch(once::contains), "what was dropped is not delivered");
        List<Long> numbers = delivered.stream().map(Long::valueOf).toList();
        assertEquals(numbers.stream().sorted().toList(), new ArrayList<>(numbers), "they are in order");
    }

    @Test
    @DisplayName("what the appender took is delivered once by the next lives, whether the hub was there or away")
    void nothingIsLost() throws Exception {
        try (RealHub hub = new RealHub(folder).start()) {
            for (int life = 0; life < KILLS; life++) {
                liveAndBeKilled(hub, life, "");
                if (life % 2 == 0) {
                    hub.kill(); // the next life has none
                } else {
                    hub.start();
                }
            }
            liveAndEnd(hub, KILLS, "");
            check(hub, KILLS);
            assertTrue(said('-').isEmpty());
        }
    }

    @Test
    @DisplayName("a spool that is full drops what it says, and what it took is delivered once")
    void fullSpool() throws Exception {
        String small = "<maxRecordBytes>2048</maxRecordBytes><spoolBytes>4200000</spoolBytes>";
        try (RealHub hub = new RealHub(folder)) {
            Process application = start(hub, 0, 0, small);
            try {
                Waiting.until(60, "the spool is never full", () -> {
                    assertTrue(application.isAlive(), () -> read(folder.resolve("application-0.log")));
                    return Files.readString(account).contains("- ");
                });
            } finally {
                application.destroyForcibly();
                application.waitFor();
            }
            hub.start();
            liveAndEnd(hub, 1, small);
            check(hub, 1);
            assertTrue(said('-').size() > 0);
        }
    }
}
