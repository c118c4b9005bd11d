package io.loghub.compat;

import com.google.protobuf.util.JsonFormat;
import io.loghub.v1.Batch;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericRecord;

/**
 * Measures what a batch costs in JSON, in protobuf and in Avro.
 *
 * <p>{@code Formats BATCH SCHEMA AVRO MILLIS}: reads a serialised batch and an Avro schema, writes the batch in Avro into the
 * file AVRO, and prints for each format its bytes and its best microseconds of CPU a record:
 * {@code {"json":{"bytes":n,"encode_us":x,"decode_us":y},…}}. Each measurement takes so many milliseconds.
 */
public final class Formats {
    private static final double NANOS_PER_MICRO = 1e3;
    // The thread's own time: what others do on the machine is not counted.
    private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

    private final Batch batch;
    private final Duration time;
    /** Takes what was made, so that making it is not left out. */
    private int seen;

    private Formats(Batch batch, Duration time) {
        this.batch = batch;
        this.time = time;
    }

    /** Runs with the files of the command line. */
    public static void main(String[] args) throws IOException {
        Batch batch = Batch.parseFrom(Files.readAllBytes(Path.of(args[0])));
        Formats formats = new Formats(batch, Duration.ofMillis(Long.parseLong(args[3])));
        AvroBatch avro = new AvroBatch(new Schema.Parser().parse(Files.readString(Path.of(args[1]))));
        Files.write(Path.of(args[2]), avro.encode(avro.of(batch)));
        System.out.printf(
                Locale.ROOT,
                "{\"json\":%s,\"protobuf\":%s,\"avro\":%s}%n",
                formats.json(), formats.protobuf(), formats.avro(avro));
    }

    private String json() throws IOException {
        JsonFormat.Printer printer = JsonFormat.printer().omittingInsignificantWhitespace();
        JsonFormat.Parser parser = JsonFormat.parser();
        byte[] content = printer.print(batch).getBytes(StandardCharsets.UTF_8);
        double encode = best(() -> batch, one -> printer.print(one).getBytes(StandardCharsets.UTF_8).length);
        double decode = best(() -> content, one -> {
            Batch.Builder read = Batch.newBuilder();
            parser.merge(new String(one, StandardCharsets.UTF_8), read);
            return read.build().getRecordsCount();
        });
        return figures(content, encode, decode);
    }

    /** Encodes a message that was just read, since one that was written before remembers its sizes. */
    private String protobuf() throws IOException {
        byte[] content = batch.toByteArray();
        double encode = best(() -> Batch.parseFrom(content), one -> one.toByteArray().length);
        double decode = best(() -> content, one -> Batch.parseFrom(one).getRecordsCount());
        return figures(content, encode, decode);
    }

    private String avro(AvroBatch avro) throws IOException {
        GenericRecord record = avro.of(batch);
        byte[] content = avro.encode(record);
        double encode = best(() -> record, one -> avro.encode(one).length);
        double decode = best(() -> content, one -> avro.decode(one).getSchema().getFields().size());
        return figures(content, encode, decode);
    }

    private static String figures(byte[] content, double encode, double decode) {
        return String.format(
                Locale.ROOT,
                "{\"bytes\":%d,\"encode_us\":%.4f,\"decode_us\":%.4f}",
                content.length, encode, decode);
    }

    private <T> double best(Source<T> source, Work<T> work) throws IOException {
        long best = Long.MAX_VALUE;
        long end = CLOCK.getCurrentThreadCpuTime() + time.toNanos();
        while (CLOCK.getCurrentThreadCpuTime() < end) {
            T one = source.get();
            long start = CLOCK.getCurrentThreadCpuTime();
            seen += work.of(one);
            best = Math.min(best, CLOCK.getCurrentThreadCpuTime() - start);
        }
        return best / NANOS_PER_MICRO / batch.getRecordsCount();
    }

    /** Makes what is worked on; its time is not counted. */
    private interface Source<T> {
        T get() throws IOException;
    }

    /** What is measured; returns a number that depends on all of it. */
    private interface Work<T> {
        int of(T one) throws IOException;
    }
}
