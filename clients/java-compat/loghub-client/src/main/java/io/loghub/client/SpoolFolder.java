package io.loghub.client;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * A spool's folder, held by one process at a time: {@code lock}, {@code producer-id}, {@code acked}, and the segments.
 */
final class SpoolFolder implements Closeable {
    private static final String ID_FILE = "producer-id";
    private static final String ACKED_FILE = "acked";
    private static final int ACKED_BYTES = 20;

    private final Path path;
    private final FileChannel lockFile;
    private final FileLock lock;

    private SpoolFolder(Path path, FileChannel lockFile, FileLock lock) {
        this.path = path;
        this.lockFile = lockFile;
        this.lock = lock;
    }

    /**
     * Up to where all is settled.
     *
     * @param seq the last sequence number that the hub has acknowledged
     * @param record the first record that is not settled
     */
    record Acked(long seq, long record) {
        static final Acked NOTHING = new Acked(0, 0);
    }

    /** Takes the folder, which is made where it is not there; IOException says who or what stands in the way. */
    static SpoolFolder take(Path path) throws IOException {
        Files.createDirectories(path);
        FileChannel file = FileChannel.open(
                path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = file.tryLock();
            if (lock != null) {
                return new SpoolFolder(path, file, lock);
            }
        } catch (OverlappingFileLockException ours) {
            // said below
        }
        file.close();
        throw new FileSystemException(path.toString(), null, "the spool is in use by another client or process");
    }

    Path path() {
        return path;
    }

    /** Returns the name that the batches in here are counted by; {@code wanted} where there is none yet. */
    String producerId(String wanted) throws IOException {
        Path file = path.resolve(ID_FILE);
        String found = Files.exists(file) ? Files.readString(file, StandardCharsets.ISO_8859_1).strip() : "";
        if (LoghubConfig.PRODUCER_ID.matcher(found).matches()) {
            return found;
        }
        replace(file, wanted.getBytes(StandardCharsets.US_ASCII));
        force();
        return wanted;
    }

    /** Returns what was said last; nothing where that cannot be read, which only makes more to be sent again. */
    Acked acked() throws IOException {
        Path file = path.resolve(ACKED_FILE);
        byte[] bytes = Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
        if (bytes.length != ACKED_BYTES) {
            return Acked.NOTHING;
        }
        ByteBuffer words = ByteBuffer.wrap(bytes);
        Acked acked = new Acked(words.getLong(), words.getLong());
        return words.getInt() == check(bytes) ? acked : Acked.NOTHING;
    }

    /** Says, in one piece, up to where all is settled. */
    void acked(Acked acked) throws IOException {
        ByteBuffer words = ByteBuffer.allocate(ACKED_BYTES).putLong(acked.seq()).putLong(acked.record());
        replace(path.resolve(ACKED_FILE), words.putInt(check(words.array())).array());
    }

    private static int check(byte[] bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, ACKED_BYTES - Integer.BYTES);
        return (int) crc.getValue();
    }

    private static void replace(Path file, byte[] content) throws IOException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        Files.write(fresh, content);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Returns the segments, the oldest first. */
    List<SpoolSegment> segments() throws IOException {
        List<SpoolSegment> found = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*.spool")) {
            for (Path file : files) {
                SpoolSegment segment = SpoolSegment.find(file);
                if (segment != null) {
                    found.add(segment);
                }
            }
        }
        found.sort(Comparator.comparingLong(SpoolSegment::ordinal));
        return found;
    }

    /** Forces to the disk which files there are. */
    void force() throws IOException {
        try (FileChannel folder = FileChannel.open(path, StandardOpenOption.READ)) {
            folder.force(true);
        }
    }

    @Override
    public void close() throws IOException {
        lock.release();
        lockFile.close();
    }
}
