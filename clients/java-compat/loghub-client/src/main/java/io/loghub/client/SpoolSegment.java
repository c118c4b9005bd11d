package io.loghub.client;

import io.loghub.client.SpoolFrame.Mark;
import java.io.Closeable;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One file of a spool: frames, one after the other, only ever appended to.
 *
 * <p>The name says its place among the files and the number of its first record. {@link RandomAccessFile}, since a
 * channel would be closed by the interruption of whichever application thread is writing.
 */
final class SpoolSegment implements Closeable {
    private static final Pattern NAME = Pattern.compile("([0-9a-f]{16})-([0-9a-f]{16})\\.spool");
    private static final int HEX = 16;

    private final Path path;
    private final long ordinal;
    private final long first;
    private long size;
    // Null where it is only read.
    private RandomAccessFile file;
    private volatile boolean gone;

    private SpoolSegment(Path path, long ordinal, long first, long size) {
        this.path = path;
        this.ordinal = ordinal;
        this.first = first;
        this.size = size;
    }

    /** Makes a new file. */
    static SpoolSegment create(Path folder, long ordinal, long first) throws IOException {
        Path path = folder.resolve(String.format(Locale.ROOT, "%016x-%016x.spool", ordinal, first));
        SpoolSegment segment = new SpoolSegment(path, ordinal, first, 0);
        segment.file = new RandomAccessFile(path.toFile(), "rw");
        return segment;
    }

    /** Returns a file of an earlier life, or null where this is none. */
    static SpoolSegment find(Path path) throws IOException {
        Matcher name = NAME.matcher(path.getFileName().toString());
        if (!name.matches()) {
            return null;
        }
        long ordinal = Long.parseLong(name.group(1), HEX);
        return new SpoolSegment(path, ordinal, Long.parseLong(name.group(2), HEX), Files.size(path));
    }

    Path path() {
        return path;
    }

    long ordinal() {
        return ordinal;
    }

    /** Returns the number of its first record. */
    long first() {
        return first;
    }

    long size() {
        return size;
    }

    /** Writes a frame, wholly or not at all. */
    void append(byte[] frame) throws IOException {
        try {
            file.write(frame);
            size += frame.length;
        } catch (IOException full) {
            // What was written of it would hide all that follows.
            file.setLength(size);
            file.seek(size);
            throw full;
        }
    }

    /** Forces what was written to the disk; nothing where the file is gone meanwhile. */
    void force() throws IOException {
        RandomAccessFile open = file;
        if (open == null || gone) {
            return;
        }
        try {
            open.getFD().sync();
        } catch (IOException failure) {
            if (!gone) {
                throw failure;
            }
        }
    }

    void delete() throws IOException {
        gone = true;
        close();
        Files.deleteIfExists(path);
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }

    /** Reads a segment's frames in order, also of one that is still written. */
    static final class Reader implements Closeable {
        private static final int CHUNK = 64 << 10;

        private final SpoolSegment segment;
        private final RandomAccessFile file;
        private byte[] buffer = new byte[CHUNK];
        private int at;
        private int end;
        private long readUpTo;
        private long number;
        private int length;

        Reader(SpoolSegment segment) throws IOException {
            this.segment = segment;
            this.file = new RandomAccessFile(segment.path.toFile(), "r");
            this.number = segment.first;
        }

        SpoolSegment segment() {
            return segment;
        }

        /** Returns the number of the next record. */
        long number() {
            return number;
        }

        /** Returns how many bytes of the file are not read, or cannot be. */
        long left() {
            return segment.size - readUpTo + (end - at);
        }

        /** Goes to the next frame; false where there is none, or none that is whole. */
        boolean next() throws IOException {
            at += length;
            length = 0;
            if (!fill(SpoolFrame.HEAD_BYTES)) {
                return false;
            }
            int body = SpoolFrame.length(buffer, at);
            if (body < 0 || body > left() - SpoolFrame.HEAD_BYTES || !fill(SpoolFrame.HEAD_BYTES + body)
                    || !SpoolFrame.isWhole(buffer, at, body)) {
                return false;
            }
            length = SpoolFrame.HEAD_BYTES + body;
            number += isRecord() ? 1 : 0;
            return true;
        }

        boolean isRecord() {
            return buffer[at + SpoolFrame.HEAD_BYTES] == SpoolFrame.RECORD;
        }

        /** Returns the frame's mark, or null where it is of another kind. */
        Mark mark() {
            boolean isMark = buffer[at + SpoolFrame.HEAD_BYTES] == SpoolFrame.MARK
                    && length == SpoolFrame.RECORD_OVERHEAD + Mark.BYTES;
            return isMark ? Mark.parse(buffer, at + SpoolFrame.RECORD_OVERHEAD) : null;
        }

        /** Returns the whole frame. */
        byte[] frame() {
            byte[] frame = new byte[length];
            System.arraycopy(buffer, at, frame, 0, length);
            return frame;
        }

        /** Has so many bytes from {@code at} on; false where the file has fewer. */
        private boolean fill(int bytes) throws IOException {
            if (end - at >= bytes) {
                return true;
            }
            byte[] into = bytes > buffer.length ? new byte[bytes] : buffer;
            System.arraycopy(buffer, at, into, 0, end - at);
            buffer = into;
            end -= at;
            at = 0;
            file.seek(readUpTo);
            while (end < bytes && readUpTo < segment.size) {
                int most = (int) Math.min(buffer.length - end, segment.size - readUpTo);
                int count = file.read(buffer, end, most);
                if (count < 0) {
                    return false;
                }
                end += count;
                readUpTo += count;
            }
            return end >= bytes;
        }

        @Override
        public void close() throws IOException {
            file.close();
        }
    }
}
