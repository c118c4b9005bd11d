package io.loghub.compat;

import java.nio.file.Path;
import java.time.Duration;
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
        Options given = new Options(NAMES, args);
        return new LoadOptions(
                given.required("--endpoint"),
                Path.of(given.required("--ca")),
                Path.of(given.required("--cert")),
                Path.of(given.required("--key")),
                given.required("--producer-id"),
                (int) given.number("--count", given.required("--count"), 1),
                given.number("--rate", given.optional("--rate", "0"), 0),
                (int) given.number("--batch-records", given.optional("--batch-records", "100"), 1),
                seconds(given.number("--deadline-seconds", given.optional("--deadline-seconds", "300"), 0)));
    }

    private static Duration seconds(double seconds) {
        return Duration.ofMillis((long) (1000 * seconds));
    }
}
