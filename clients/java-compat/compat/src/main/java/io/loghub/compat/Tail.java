package io.loghub.compat;

import io.loghub.client.tail.From;
import io.loghub.client.tail.LoghubTail;
import io.loghub.client.tail.TailEnd;
import io.loghub.client.tail.TailListener;
import io.loghub.client.tail.TailRecord;
import io.loghub.client.tail.TailStats;
import io.loghub.client.tail.TailSubscription;
import io.loghub.v1.Gap;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/**
 * Receives numbered records by {@code loghub-client}, and says which have come.
 *
 * <p>On standard output: lines of {@link Numbers}, {@code {"gap":count}}, and at the end
 * {@code {"records":N,"lost":0,"reconnects":k,"failures":0,"cursor":"…","failed":false}}. What happens to the connection
 * goes to standard error. SIGTERM closes the subscription; it exits with 1 where the hub refused it, 2 if the command
 * line is wrong.
 */
public final class Tail {
    private static final String USAGE =
            """
            usage: Tail --endpoint HOST:PORT --ca FILE --cert FILE --key FILE [--token-file FILE] [--filter FILTER]
                        [--cursor CURSOR]""";
    private static final Set<String> NAMES =
            Set.of("--endpoint", "--ca", "--cert", "--key", "--token-file", "--filter", "--cursor");
    // A hub that is killed over and over must be found again soon.
    private static final Duration BACKOFF_MIN = Duration.ofMillis(20);
    private static final Duration BACKOFF_MAX = Duration.ofMillis(500);

    private Tail() {}

    /** Runs with the options of the command line. */
    public static void main(String[] args) throws InterruptedException {
        Options options;
        LoghubTail tail;
        try {
            options = new Options(NAMES, args);
            tail = config(options);
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage());
            System.err.println(USAGE);
            System.exit(2);
            return;
        }
        String cursor = options.optional("--cursor", "");
        From from = cursor.isEmpty() ? From.oldest() : From.cursor(cursor);
        TailSubscription subscription = tail.subscribe(options.optional("--filter", ""), from, new Printer(System.out));
        CountDownLatch said = new CountDownLatch(1);
        Thread closing = new Thread(() -> closeAndWait(subscription, said), "stop");
        Runtime.getRuntime().addShutdownHook(closing);
        TailEnd end = subscription.awaitEnd(Duration.ofDays(1));
        say(subscription, end != null && end.failed());
        said.countDown();
        if (!closing.isAlive()) { // the end of the virtual machine is under way otherwise
            System.exit(end != null && end.failed() ? 1 : 0);
        }
    }

    private static void closeAndWait(TailSubscription subscription, CountDownLatch said) {
        subscription.close();
        try {
            said.await();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private static LoghubTail config(Options options) {
        LoghubTail.Builder builder = LoghubTail.builder(options.required("--endpoint"))
                .caFile(Path.of(options.required("--ca")))
                .certFile(Path.of(options.required("--cert")))
                .keyFile(Path.of(options.required("--key")))
                .backoffMin(BACKOFF_MIN)
                .backoffMax(BACKOFF_MAX);
        String tokenFile = options.optional("--token-file", "");
        return (tokenFile.isEmpty() ? builder : builder.token(() -> read(Path.of(tokenFile)))).build();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static void say(TailSubscription subscription, boolean failed) {
        TailStats stats = subscription.stats();
        System.out.printf(
                "{\"records\":%d,\"lost\":%d,\"reconnects\":%d,\"failures\":%d,\"cursor\":\"%s\",\"failed\":%b}%n",
                stats.records(), stats.lost(), stats.reconnects(), stats.listenerFailures(), subscription.cursor(),
                failed);
        System.out.flush();
    }

    /** Prints what comes. */
    private static final class Printer implements TailListener {
        private final PrintStream out;
        private final Numbers numbers;

        private Printer(PrintStream out) {
            this.out = out;
            this.numbers = new Numbers(out);
        }

        @Override
        public void onRecords(List<TailRecord> records, String cursor) {
            numbers.say(records);
        }

        @Override
        public void onGap(Gap gap) {
            out.println("{\"gap\":" + gap.getCount() + "}");
            out.flush();
        }

        @Override
        public void onState(String message) {
            System.err.println(message);
        }

        @Override
        public void onEnd(TailEnd end) {
            System.err.println("ended: " + end.reason());
        }
    }
}
