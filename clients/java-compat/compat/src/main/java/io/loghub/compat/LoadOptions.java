package io.loghub.compat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * What {@link Load} is asked to do.
 *
 * @param endpoint {@code host:port} of the hub
 * @param ca PEM file of the hub's authority
 * @param cert PEM file of the client's certificate
 * @param key PEM file of its key
 * @param producerId name that the hub counts batches by
 * @param count how many records
 * @param rate records a second; 0: as fast as can be
 * @param batchRecords most records in a batch
 * @param deadline when to give up
 */
record LoadOptions(
        String endpoint,
        Path ca,
        Path cert,
        Path key,
        String producerId,
        int count,
        double rate,
        int batchRecords,
        Duration deadline) {
    static final String USAGE =
            """
            usage: Load --endpoint HOST:PORT --ca FILE --cert FILE --key FILE --producer-id ID --count N
                        [--rate RECORDS_PER_S] [--batch-records N] [--deadline-seconds S]""";

    private static final Set<String> NAMES = Set.of(
            "--endpoint", "--ca", "--cert", "--key", "--producer-id", "--count", "--rate", "--batch-records",
            "--deadline-seconds");

    /** Reads the command line; IllegalArgumentException says what is wrong with it. */
    static LoadOptions parse(String... args) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < args.length; i += 2) {
            if (!NAMES.contains(args[i])) {
                throw new IllegalArgumentException("unknown option " + args[i]);
            }
            if (i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + " needs a value");
            }
            given.put(args[i], args[i + 1]);
        }
        return new LoadOptions(
                required(given, "--endpoint"),
                Path.of(required(given, "--ca")),
                Path.of(required(given, "--cert")),
                Path.of(required(given, "--key")),
                required(given, "--producer-id"),
                (int) number("--count", required(given, "--count"), 1),
                number("--rate", given.getOrDefault("--rate", "0"), 0),
                (int) number("--batch-records", given.getOrDefault("--batch-records", "100"), 1),
                seconds(number("--deadline-seconds", given.getOrDefault("--deadline-seconds", "300"), 0)));
    }

    private static Duration seconds(double seconds) {
        return Duration.ofMillis((long) (1000 * seconds));
    }

    private static String required(Map<String, String> given, String name) {
        String value = given.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }

    private static double number(String name, String text, double least) {
        try {
            double number = Double.parseDouble(text);
            if (number >= least) {
                return number;
            }
        } catch (NumberFormatException notANumber) {
            // said below
        }
        throw new IllegalArgumentException(name + " " + text + " is not a number of at least " + least);
    }
}
