package io.loghub.compat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Reads messages and writes them again, for another language to compare.
 *
 * <p>Frames come on standard input, an answer to each goes to standard output. A request is one byte for what to do, one
 * for the length of the message's full name, the name, and the message:
 *
 * <ul>
 *   <li>{@code B}: read as protobuf, answered as protobuf
 *   <li>{@code J}: read as protobuf, answered as canonical JSON
 *   <li>{@code P}: read as JSON, answered as protobuf
 *   <li>{@code R}: read as protobuf, answered as both: a length of four bytes, protobuf, JSON
 * </ul>
 *
 * <p>An answer begins with 0, or with 1 where the message was refused; then the reason follows.
 */
public final class Echo {
    private static final byte TAKEN = 0;
    private static final byte REFUSED = 1;

    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().omittingInsignificantWhitespace();
    private static final JsonFormat.Parser PARSER = JsonFormat.parser();

    private Echo() {}

    /** Answers until standard input ends. */
    public static void main(String[] args) throws IOException {
        run(System.in, System.out);
    }

    static void run(InputStream in, OutputStream out) throws IOException {
        Frames frames = new Frames(in, out);
        for (byte[] request = frames.read(); request != null; request = frames.read()) {
            frames.write(answer(ByteBuffer.wrap(request)));
            if (!frames.waiting()) {
                frames.flush();
            }
        }
    }

    private static byte[] answer(ByteBuffer request) {
        char what = (char) request.get();
        byte[] name = new byte[Byte.toUnsignedInt(request.get())];
        request.get(name);
        byte[] content = new byte[request.remaining()];
        request.get(content);
        Message kind = Contract.empty(new String(name, StandardCharsets.UTF_8));
        try {
            return with(TAKEN, written(what, kind, content));
        } catch (InvalidProtocolBufferException wrong) {
            return with(REFUSED, String.valueOf(wrong.getMessage()).getBytes(StandardCharsets.UTF_8));
        }
    }

    private static byte[] written(char what, Message kind, byte[] content) throws InvalidProtocolBufferException {
        return switch (what) {
            case 'B' -> fromBinary(kind, content).toByteArray();
            case 'J' -> toJson(fromBinary(kind, content));
            case 'P' -> fromJson(kind, content).toByteArray();
            case 'R' -> {
                Message message = fromBinary(kind, content);
                yield both(message.toByteArray(), toJson(message));
            }
            default -> throw new IllegalArgumentException("nothing is done for " + what);
        };
    }

    static Message fromBinary(Message kind, byte[] content) throws InvalidProtocolBufferException {
        return kind.getParserForType().parseFrom(content);
    }

    static Message fromJson(Message kind, byte[] content) throws InvalidProtocolBufferException {
        Message.Builder message = kind.newBuilderForType();
        PARSER.merge(new String(content, StandardCharsets.UTF_8), message);
        return message.build();
    }

    static byte[] toJson(Message message) throws InvalidProtocolBufferException {
        return PRINTER.print(message).getBytes(StandardCharsets.UTF_8);
    }

    /** Returns the length of the first, the first, and the second. */
    static byte[] both(byte[] first, byte[] second) {
        return ByteBuffer.allocate(Integer.BYTES + first.length + second.length)
                .putInt(first.length)
                .put(first)
                .put(second)
                .array();
    }

    private static byte[] with(byte status, byte[] content) {
        return ByteBuffer.allocate(1 + content.length).put(status).put(content).array();
    }
}
