package io.loghub.compat;

import com.google.protobuf.ByteString;
import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubConfig;
import io.loghub.client.LoghubListener;
import io.loghub.client.QueuePolicy;
import io.loghub.client.Values;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Severity;
import io.loghub.v1.Value;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/**
 * One producer that sends as much as the hub takes, or at a rate, for {@code loghub bench java}.
 *
 * <p>Records are as services write them: 240 bytes, with a trace, a number that counts them ({@code order_id}) and the
 * time of their making. It connects when it reads a line, says so, begins at the next line, says when the warm-up is
 * over and when the measurement is, and at the end, when all is acknowledged, what it came to.
 *
 * <p>Arguments: endpoint, ca, cert, key, records a second (0: saturation), seconds, seconds of warm-up, records a batch.
 */
public final class Flood {
    private static final long SECOND_NANOS = 1_000_000_000L;
    private static final int WORDS = 5000;
    private static final int BODIES = 4096;
    private static final Value REGION = Values.of("eu-west-1");

    private final LoghubClient client;
    private final double rate;
    private final String[] bodies = bodies();
    private final byte[] ids = new byte[BODIES + 16];
    private volatile boolean stopping;

    private Flood(LoghubClient client, double rate) {
        this.client = client;
        this.rate = rate;
        new Random(1).nextBytes(ids);
    }

    /** Runs as the class comment says. */
    public static void main(String[] args) throws Exception {
        BufferedReader told = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        told.readLine();
        CountDownLatch connected = new CountDownLatch(1);
        LoghubConfig config = LoghubConfig.builder(args[0])
                .caFile(Path.of(args[1]))
                .certFile(Path.of(args[2]))
                .keyFile(Path.of(args[3]))
                .producerId("bench")
                .service("orders")
                .host("app-1")
                .batchRecords(Integer.parseInt(args[7]))
                .queuePolicy(QueuePolicy.BLOCK)
                .blockDeadline(Duration.ofSeconds(30))
                .listener(new LoghubListener() {
                    @Override
                    public void onState(String message) {
                        System.err.println(message);
                        connected.countDown();
                    }
                })
                .build();
        try (LoghubClient client = new LoghubClient(config)) {
            connected.await();
            say("{\"ready\":true}");
            told.readLine();
            new Flood(client, Double.parseDouble(args[4])).run(seconds(args[5]), seconds(args[6]));
        }
    }

    private static long seconds(String text) {
        return (long) (Double.parseDouble(text) * SECOND_NANOS);
    }

    private void run(long nanos, long warmUpNanos) throws IOException, InterruptedException {
        Thread producer = new Thread(this::produce, "producer");
        producer.start();
        long begin = System.nanoTime() + warmUpNanos;
        parkUntil(begin);
        long ackedBefore = client.stats().acked();
        Duration cpuBefore = cpu();
        say("{\"measuring\":true}");
        parkUntil(begin + nanos);
        double took = (System.nanoTime() - begin) / (double) SECOND_NANOS;
        long acked = client.stats().acked() - ackedBefore;
        double cpu = cpu().minus(cpuBefore).toNanos() / (double) SECOND_NANOS;
        say("{\"measuring\":false}");
        stopping = true;
        producer.join();
        client.close(Duration.ofSeconds(20));
        ClientStats stats = client.stats();
        say(String.format(Locale.ROOT,
                "{\"acked\":%d,\"sent\":%d,\"dropped\":%d,\"resent\":%d,\"measured\":%d,\"took\":%.4f,\"cpu_s\":%.3f}",
                stats.acked(), stats.offered(), stats.dropped(), stats.resent(), acked, took, cpu));
    }

    private static Duration cpu() {
        return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
    }

    private static void parkUntil(long nanoTime) {
        for (long left; (left = nanoTime - System.nanoTime()) > 0; ) {
            LockSupport.parkNanos(left);
        }
    }

    private void produce() {
        long start = System.nanoTime();
        for (int n = 0; !stopping; n++) {
            if (rate > 0) {
                parkUntil(start + (long) (n * SECOND_NANOS / rate));
            }
            client.offer(record(n));
        }
    }

    private LogRecord record(int n) {
        Instant now = Instant.now();
        return LogRecord.newBuilder()
                .setTimeUnixNano(now.getEpochSecond() * SECOND_NANOS + now.getNano())
                .setSeverity(n % 5 == 0 ? Severity.SEVERITY_WARN : Severity.SEVERITY_INFO)
                .setLogger("com.example.OrderService")
                .setThread("http-nio-8080-exec-7")
                .setBody(bodies[n % BODIES])
                .setTraceId(ByteString.copyFrom(ids, n % BODIES, 16))
                .setSpanId(ByteString.copyFrom(ids, n % BODIES, 8))
                .putAttributes("order_id", Values.of(n))
                .putAttributes("region", REGION)
                .build();
    }

    private static String[] bodies() {
        Random random = new Random(1);
        String[] words = new String[WORDS];
        for (int i = 0; i < WORDS; i++) {
            words[i] = "w" + Integer.toHexString(random.nextInt(1_000_000));
        }
        String[] bodies = new String[BODIES];
        for (int i = 0; i < BODIES; i++) {
            StringBuilder body = new StringBuilder("order of customer " + random.nextInt(1_000_000) + " placed:");
            for (int word = 0; word < 10; word++) {
                body.append(' ').append(words[random.nextInt(WORDS)]);
            }
            bodies[i] = body.toString();
        }
        return bodies;
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
