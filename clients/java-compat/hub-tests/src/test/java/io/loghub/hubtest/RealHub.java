package io.loghub.hubtest;

import io.loghub.client.LoghubConfig;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assertions;

/** A hub as operators run it, a process of its own, with its certificates and its log in a folder. */
final class RealHub implements AutoCloseable {
    private static final Path ROOT = Path.of("../../..").toAbsolutePath().normalize();
    private static final long START_SECONDS = 60;
    private static final Pattern BODY = Pattern.compile("\"body\": ?\"([^\"]*)\"");

    private final Path folder;
    private final Properties site = new Properties();
    private final String python;
    private Process process;
    private int lives;

    /** Makes the certificates; the hub does not run yet. */
    RealHub(Path folder) {
        this.folder = folder;
        this.python = python();
        try {
            site.load(new StringReader(output(List.of("-m", "tests.site", folder.resolve("hub").toString()))));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }

    private static String python() {
        Path command = Path.of(System.getProperty("loghub.command", ""));
        if (!Files.isExecutable(command)) {
            Assertions.fail("There is no hub to test against: " + command + " is no Python that has it installed. Run "
                    + "'make setup' in the project's folder, or name one with -Dloghub.command=PATH.");
        }
        return command.toAbsolutePath().normalize().toString();
    }

    private Process launch(List<String> arguments, Path output, Map<String, String> more) {
        List<String> command = new ArrayList<>(List.of(python));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(ROOT.toFile())
                .redirectOutput(output.toFile())
                .redirectError(folder.resolve(output.getFileName() + ".err").toFile());
        builder.environment().putAll(more);
        try {
            return builder.start();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private String output(List<String> arguments) {
        Path file = folder.resolve("output-" + System.nanoTime());
        Process done = launch(arguments, file, Map.of("LOGHUB_TOKEN", site.getProperty("token", "")));
        try {
            if (!done.waitFor(START_SECONDS, TimeUnit.SECONDS)) {
                done.destroyForcibly();
                throw new AssertionError(arguments + " did not end");
            }
            String errors = Files.readString(folder.resolve(file.getFileName() + ".err"));
            Assertions.assertEquals(0, done.exitValue(), errors);
            return Files.readString(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } catch (InterruptedException interrupted) {
            done.destroyForcibly();
            throw new AssertionError(interrupted);
        }
    }

    /** Starts it, and waits until it is ready. */
    RealHub start() {
        Path log = folder.resolve("hub-" + lives++ + ".log");
        process = launch(List.of("-m", "hub.cli.main", "serve", "--config", site.getProperty("config")), log, Map.of());
        Path errors = folder.resolve(log.getFileName() + ".err");
        Waiting.until(START_SECONDS, "the hub is not ready, see " + log, () -> {
            if (!process.isAlive()) {
                throw new AssertionError("the hub ended: " + Files.readString(log) + Files.readString(errors));
            }
            return Files.readString(log).contains("\"ready\"") || Files.readString(errors).contains("\"ready\"");
        });
        return this;
    }

    /** Ends it with SIGKILL. */
    void kill() {
        process.destroyForcibly();
        ended();
    }

    /** Ends it in good order, with SIGTERM. */
    void stop() {
        process.destroy();
        ended();
    }

    private void ended() {
        try {
            Assertions.assertTrue(process.waitFor(30, TimeUnit.SECONDS), "the hub did not end");
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    int port() {
        return Integer.parseInt(site.getProperty("grpc_port"));
    }

    String endpoint() {
        return "localhost:" + port();
    }

    Path file(String name) {
        return Path.of(site.getProperty(name));
    }

    /** Begins the configuration of a client that reaches the hub at this address. */
    LoghubConfig.Builder client(String endpoint) {
        return LoghubConfig.builder(endpoint).caFile(file("ca")).certFile(file("cert")).keyFile(file("key"));
    }

    /** Returns the bodies of all records of a service, as a subscriber gets them. */
    List<String> bodies(String service) {
        String lines = output(List.of(
                "-m", "hub.cli.main", "tail", "service:" + service, "--no-follow", "--oldest", "--json",
                "--url", "https://localhost:" + site.getProperty("web_port"), "--ca", site.getProperty("ca")));
        Matcher body = BODY.matcher(lines);
        return lines.isEmpty() ? List.of() : body.results().map(found -> found.group(1)).toList();
    }

    @Override
    public void close() {
        if (process != null && process.isAlive()) {
            stop();
        }
    }
}
