package io.loghub.client;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * What a spool's files are made of: a record, or a mark that says which records make a batch.
 *
 * <pre>
 *   length  4 bytes   of kind and payload
 *   check   4 bytes   CRC-32C of kind and payload
 *   kind    1 byte
 *   payload           RECORD: a serialised LogRecord; MARK: sequence number, first record, number of records
 * </pre>
 *
 * <p>Records are numbered by their place in the spool, so a frame need not say its number. A mark takes back every
 * mark of the same or a higher sequence number, which is how batches are numbered anew; one of no records only says
 * which record comes next.
 */
final class SpoolFrame {
    static final byte RECORD = 1;
    static final byte MARK = 2;

    /** Length and check. */
    static final int HEAD_BYTES = 8;

    /** What a record takes in the spool beside its own bytes. */
    static final int RECORD_OVERHEAD = HEAD_BYTES + 1;

    // Anything longer is damage: a record is cut long before.
    private static final int MAX_BYTES = 64 << 20;

    private SpoolFrame() {}

    static byte[] record(byte[] serialised) {
        byte[] frame = new byte[RECORD_OVERHEAD + serialised.length];
        System.arraycopy(serialised, 0, frame, RECORD_OVERHEAD, serialised.length);
        return sealed(frame, RECORD);
    }

    static byte[] mark(Mark mark) {
        ByteBuffer frame = ByteBuffer.allocate(RECORD_OVERHEAD + Mark.BYTES).position(RECORD_OVERHEAD);
        frame.putLong(mark.seq()).putLong(mark.first()).putInt(mark.count());
        return sealed(frame.array(), MARK);
    }

    private static byte[] sealed(byte[] frame, byte kind) {
        frame[HEAD_BYTES] = kind;
        int length = frame.length - HEAD_BYTES;
        ByteBuffer.wrap(frame).putInt(length).putInt(check(frame, HEAD_BYTES, length));
        return frame;
    }

    /** Returns the length of kind and payload, or -1 where the number cannot be one. */
    static int length(byte[] bytes, int at) {
        int length = ByteBuffer.wrap(bytes).getInt(at);
        return length >= 1 && length <= MAX_BYTES ? length : -1;
    }

    /** Returns whether a frame that lies wholly in the array is as it was written. */
    static boolean isWhole(byte[] bytes, int at, int length) {
        return ByteBuffer.wrap(bytes).getInt(at + 4) == check(bytes, at + HEAD_BYTES, length);
    }

    private static int check(byte[] bytes, int at, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, at, length);
        return (int) crc.getValue();
    }

    /**
     * Says which records make a batch.
     *
     * @param seq its sequence number
     * @param first number of its first record
     * @param count how many; 0: none, but {@code first} is the record that comes next
     */
    record Mark(long seq, long first, int count) {
        static final int BYTES = 20;

        static Mark parse(byte[] bytes, int at) {
            ByteBuffer payload = ByteBuffer.wrap(bytes);
            return new Mark(payload.getLong(at), payload.getLong(at + 8), payload.getInt(at + 16));
        }

        /** Returns the number of the record after its last. */
        long end() {
            return first + count;
        }
    }
}
