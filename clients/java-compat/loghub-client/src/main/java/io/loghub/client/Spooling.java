package io.loghub.client;

import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * Puts together what a client with a spool works on.
 *
 * @param producerId the name that the spool's batches are counted by
 */
record Spooling(String producerId, RecordQueue queue, Journal journal) {
    /** Takes the folder and reads what an earlier life has left in it, which counts as offered. */
    static Spooling open(LoghubConfig config, Counters counters, String randomId) {
        try {
            SpoolFolder folder = SpoolFolder.take(config.spool());
            try {
                return open(config, counters, folder, randomId);
            } catch (IOException | RuntimeException failure) {
                folder.close();
                throw failure;
            }
        } catch (IOException unusable) {
            String why = "the spool cannot be used: " + unusable.getMessage();
            throw new UncheckedIOException(why, unusable);
        }
    }

    private static Spooling open(LoghubConfig config, Counters counters, SpoolFolder folder, String randomId)
            throws IOException {
        String wanted = config.producerId();
        String id = folder.producerId(wanted == null ? randomId : wanted);
        if (wanted != null && !wanted.equals(id)) {
            // Under another name the hub would take what it has stored already for new.
            throw new IOException("the spool in " + folder.path() + " belongs to producer id '" + id + "', not '"
                    + wanted + "'");
        }
        SpoolScan scan = SpoolScan.of(folder);
        counters.offered.add(scan.records());
        counters.accepted.add(scan.records());
        Spool spool = new Spool(folder, config.spoolBytes(), scan, counters::drop);
        RecordQueue queue = new RecordQueue(config, spool, counters);
        return new Spooling(id, queue, new SpoolJournal(spool, scan.batches(), queue, config.spoolSync()));
    }
}
