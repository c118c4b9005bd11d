package io.loghub.hubtest;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.joran.JoranConfigurator;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import io.loghub.client.ClientStats;
import io.loghub.logback.LoghubAppender;
import java.io.ByteArrayInputStream;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/**
 * An application that logs numbers through the logback appender, and writes into a file, one by one, which the appender
 * has taken ({@code + n}) and which it has dropped ({@code - n}).
 *
 * <p>Arguments: the logback configuration, the file, the first number, how many; 0: until it is killed. Ends in good
 * order when all that it and its earlier lives have logged is acknowledged.
 */
final class SpoolingApplication {
    private SpoolingApplication() {}

    public static void main(String[] args) throws Exception {
        LoggerContext context = new LoggerContext();
        context.setMDCAdapter(new LogbackMDCAdapter());
        JoranConfigurator joran = new JoranConfigurator();
        joran.setContext(context);
        joran.doConfigure(new ByteArrayInputStream(args[0].getBytes(StandardCharsets.UTF_8)));
        LoghubAppender appender = (LoghubAppender) context.getLogger("ROOT").getAppender("LOGHUB");
        Logger log = context.getLogger("numbers");
        long first = Long.parseLong(args[2]);
        long count = Long.parseLong(args[3]);
        try (OutputStream account = new FileOutputStream(args[1], true)) {
            for (long n = first; count == 0 || n < first + count; n++) {
                long dropped = appender.stats().dropped();
                log.info("{}", n);
                boolean taken = appender.stats().dropped() == dropped;
                account.write(((taken ? "+ " : "- ") + n + "\n").getBytes(StandardCharsets.US_ASCII));
            }
        }
        Waiting.until(60, "not all is acknowledged: " + appender.stats(), () -> {
            ClientStats stats = appender.stats();
            return stats.pending() == 0;
        });
        context.stop();
    }
}
