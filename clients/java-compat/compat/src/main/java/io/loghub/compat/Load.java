package io.loghub.compat;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubConfig;
import io.loghub.client.LoghubListener;
import io.loghub.client.QueuePolicy;
import io.loghub.client.Values;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Sends numbered records and says, line by line, which of them the hub has acknowledged.
 *
 * <p>Each record has the body {@code load <n>} and the attribute {@code n}, from 0. On standard output: a line
 * {@code {"acked_up_to":n}} whenever records 0 to n have all come to be acknowledged, at the end
 * {@code {"sent":N,"acked":N,"reconnects":k,"dropped":0}}. What happens to the connection goes to standard error. Exits
 * with 0 if all are acknowledged, 1 if not, 2 if the command line is wrong. SIGTERM ends it early: it sends no more, waits
 * for what it has sent, and says the same at the end.
 */
public final class Load {
    private static final String SERVICE = "load";
    // A hub that is killed over and over must be found again soon.
    private static final Duration BACKOFF_MIN = Duration.ofMillis(20);
    private static final Duration BACKOFF_MAX = Duration.ofMillis(500);
    private static final long SECOND_NANOS = 1_000_000_000;

    private final LoadOptions options;
    private final PrintStream out;
    private final PrintStream err;
    private volatile boolean stopping;

    Load(LoadOptions options, PrintStream out, PrintStream err) {
        this.options = options;
        this.out = out;
        this.err = err;
    }

    /** Runs with the options of the command line. */
    public static void main(String[] args) {
        LoadOptions options;
        try {
            options = LoadOptions.parse(args);
        } catch (IllegalArgumentException wrong) {
            System.err.println(wrong.getMessage());
            System.err.println(LoadOptions.USAGE);
            System.exit(2);
            return;
        }
        Load load = new Load(options, System.out, System.err);
        CountDownLatch finished = stopOnSignal(load);
        boolean done = load.run();
        finished.countDown();
        if (!load.stopping) { // the end of the virtual machine is under way otherwise
            System.exit(done ? 0 : 1);
        }
    }

    private static CountDownLatch stopOnSignal(Load load) {
        CountDownLatch finished = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            load.stopping = true;
            try {
                finished.await();
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
            }
        }, "stop"));
        return finished;
    }

    /** Sends all; returns whether all are acknowledged. */
    boolean run() {
        long deadline = System.nanoTime() + options.deadline().toNanos();
        Progress progress = new Progress();
        try (LoghubClient client = new LoghubClient(config(progress))) {
            send(client, deadline);
            client.close(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
            ClientStats stats = client.stats();
            int acked = progress.acked();
            say("{\"sent\":%d,\"acked\":%d,\"reconnects\":%d,\"dropped\":%d,\"rejected\":%d,\"resent\":%d}"
                    .formatted(stats.accepted(), acked, stats.reconnects(), stats.dropped(), stats.rejected(),
                            stats.resent()));
            return acked == stats.accepted() && (stopping || acked == options.count());
        }
    }

    private LoghubConfig config(LoghubListener listener) {
        return LoghubConfig.builder(options.endpoint())
                .caFile(options.ca())
                .certFile(options.cert())
                .keyFile(options.key())
                .producerId(options.producerId())
                .service(SERVICE)
                .batchRecords(options.batchRecords())
                .queuePolicy(QueuePolicy.BLOCK)
                .blockDeadline(options.deadline())
                .backoffMin(BACKOFF_MIN)
                .backoffMax(BACKOFF_MAX)
                .listener(listener)
                .build();
    }

    private void send(LoghubClient client, long deadline) {
        long start = System.nanoTime();
        for (int n = 0; n < options.count() && !stopping && System.nanoTime() - deadline < 0; n++) {
            if (options.rate() > 0) {
                awaitTurn(start + (long) (n * SECOND_NANOS / options.rate()), deadline);
            }
            client.offer(record(n));
        }
    }

    private static void awaitTurn(long turn, long deadline) {
        for (long left = turn - System.nanoTime(); left > 0; left = turn - System.nanoTime()) {
            if (System.nanoTime() - deadline >= 0) {
                return;
            }
            LockSupport.parkNanos(Math.min(left, TimeUnit.SECONDS.toNanos(1)));
        }
    }

    private static LogRecord record(int n) {
        Instant now = Instant.now();
        return LogRecord.newBuilder()
                .setTimeUnixNano(now.getEpochSecond() * SECOND_NANOS + now.getNano())
                .setSeverity(Severity.SEVERITY_INFO)
                .setBody("load " + n)
                .putAttributes("n", Values.of(n))
                .build();
    }

    private void say(String line) {
        out.println(line);
        out.flush();
    }

    /** Keeps the numbers that are acknowledged. */
    private final class Progress implements LoghubListener {
        private final BitSet acked = new BitSet(options.count());
        private int said = -1;

        @Override
        public synchronized void onAcked(List<LogRecord> records) {
            for (LogRecord record : records) {
                acked.set((int) record.getAttributesOrThrow("n").getIntValue());
            }
            int upTo = acked.nextClearBit(said + 1) - 1;
            if (upTo > said) {
                said = upTo;
                say("{\"acked_up_to\":" + upTo + "}");
            }
        }

        @Override
        public void onRejected(LogRecord record, String field, String reason) {
            err.println("rejected: " + record.getBody() + ": " + field + " " + reason);
        }

        @Override
        public void onDropped(long records, String reason) {
            err.println("dropped: " + records + ": " + reason);
        }

        @Override
        public void onState(String message) {
            err.println(message);
        }

        private synchronized int acked() {
            return acked.cardinality();
        }
    }
}
