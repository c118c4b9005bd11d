package io.loghub.compat;

import io.loghub.client.ClientStats;
import io.loghub.client.LoghubClient;
import io.loghub.client.LoghubConfig;
import io.loghub.client.QueuePolicy;
import io.loghub.v1.LogRecord;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/**
 * Sends the records that come on standard input, a frame each, and prints
 * {@code {"acked":n,"rejected":n,"pending":n}} when the hub has answered for all.
 *
 * <p>The options are those of {@link Load}. {@code {half}} in a body stands for half a character, which Java's strings can
 * hold and no frame can carry.
 */
public final class Send {
    private static final String HALF = "\uD83D";

    private Send() {}

    /** Runs with the options of the command line. */
    public static void main(String[] args) throws IOException {
        LoadOptions options = LoadOptions.parse(args);
        ClientStats stats = send(options, System.in);
        System.out.printf(
                "{\"acked\":%d,\"rejected\":%d,\"pending\":%d}%n", stats.acked(), stats.rejected(), stats.pending());
    }

    private static ClientStats send(LoadOptions options, InputStream in) throws IOException {
        LoghubConfig config = LoghubConfig.builder(options.endpoint())
                .caFile(options.ca())
                .certFile(options.cert())
                .keyFile(options.key())
                .producerId(options.producerId())
                .queuePolicy(QueuePolicy.BLOCK)
                .build();
        try (LoghubClient client = new LoghubClient(config)) {
            Frames frames = new Frames(in, OutputStream.nullOutputStream());
            for (byte[] frame = frames.read(); frame != null; frame = frames.read()) {
                LogRecord record = LogRecord.parseFrom(frame);
                String body = record.getBody().replace("{half}", HALF);
                client.offer(body.equals(record.getBody()) ? record : record.toBuilder().setBody(body).build());
            }
            client.close(options.deadline());
            return client.stats();
        }
    }
}
