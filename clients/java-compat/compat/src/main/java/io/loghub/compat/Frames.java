package io.loghub.compat;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** What goes through a pipe, both ways: a length of four bytes, big endian, and that many bytes behind it. */
final class Frames {
    private static final int BUFFER_BYTES = 1 << 16;

    private final DataInputStream in;
    private final DataOutputStream out;

    Frames(InputStream in, OutputStream out) {
        this.in = new DataInputStream(new BufferedInputStream(in, BUFFER_BYTES));
        this.out = new DataOutputStream(new BufferedOutputStream(out, BUFFER_BYTES));
    }

    /** Returns the next frame; null at the end. */
    byte[] read() throws IOException {
        int length;
        try {
            length = in.readInt();
        } catch (EOFException end) {
            return null;
        }
        byte[] frame = new byte[length];
        in.readFully(frame);
        return frame;
    }

    /** Returns whether more has come already, so that an answer need not be sent on its own. */
    boolean waiting() throws IOException {
        return in.available() > 0;
    }

    void write(byte[] frame) throws IOException {
        out.writeInt(frame.length);
        out.write(frame);
    }

    void flush() throws IOException {
        out.flush();
    }
}
