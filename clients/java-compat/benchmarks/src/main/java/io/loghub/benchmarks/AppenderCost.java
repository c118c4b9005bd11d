package io.loghub.benchmarks;

import ch.qos.logback.classic.LoggerContext;
import io.loghub.logback.LoghubAppender;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.slf4j.helpers.BasicMDCAdapter;

/**
 * The time that {@code log.info("… {} … {}", …)} with two entries of context takes on the application's thread, all of
 * logback included, and what it allocates.
 *
 * <p>{@code hub}: {@code acks}: there and quick; {@code stalls}: it takes nothing, so the queue is full and everything
 * is dropped and counted; {@code none}: the appender is off, which shows what logback itself takes.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(value = 1, jvmArgsAppend = "-Xmx512m")
public class AppenderCost {
    @Param({"none", "acks", "stalls"})
    public String hub;

    private Path folder;
    private Hub there;
    private LoggerContext context;
    private ch.qos.logback.classic.Logger log;
    private int number;

    /** Starts a hub and an appender that is connected to it. */
    @Setup
    public void start() throws IOException {
        folder = Files.createTempDirectory("loghub-benchmark");
        there = new Hub(folder, hub.equals("acks"));
        context = new LoggerContext();
        BasicMDCAdapter mdc = new BasicMDCAdapter();
        mdc.put("user", "ada");
        mdc.put("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
        context.setMDCAdapter(mdc);
        LoghubAppender appender = new LoghubAppender();
        appender.setContext(context);
        appender.setEndpoint(hub.equals("none") ? "" : there.endpoint());
        appender.setCaFile(folder.resolve("ca.pem").toString());
        appender.setCertFile(folder.resolve("client.pem").toString());
        appender.setKeyFile(folder.resolve("client.key").toString());
        appender.setService("orders");
        appender.setCloseMillis(0);
        appender.start();
        log = context.getLogger("com.example.OrderService");
        log.addAppender(appender);
    }

    /** Ends both. */
    @TearDown
    public void stop() {
        context.stop();
        there.close();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /** Logs one event. */
    @Benchmark
    public void info() {
        log.info("order {} of customer {} placed, three items, paid by card and shipped today", number++, 4711);
    }

    /** Runs all, and prints one line of JSON for each. */
    public static void main(String[] args) throws RunnerException {
        OptionsBuilder options = new OptionsBuilder();
        options.include(AppenderCost.class.getName()).addProfiler(GCProfiler.class);
        Collection<RunResult> results = new Runner(options.build()).run();
        for (RunResult result : results) {
            System.out.println(String.format(
                    Locale.ROOT,
                    "{\"bench\":\"java-appender\",\"hub\":\"%s\",\"p50_ns\":%.0f,\"p99_ns\":%.0f,\"bytes_per_event\":%.0f}",
                    result.getParams().getParam("hub"),
                    result.getPrimaryResult().getStatistics().getPercentile(50),
                    result.getPrimaryResult().getStatistics().getPercentile(99),
                    result.getSecondaryResults().get("gc.alloc.rate.norm").getScore()));
        }
    }
}
