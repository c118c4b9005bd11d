package io.loghub.compat;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Writes random messages for another language to read and write again, and compares what comes back.
 *
 * <p>{@code Fuzz SEED COUNT JSON_EVERY}: so many frames go to standard output, each a byte for the length of the message's
 * full name, the name, the length of the protobuf (four bytes), protobuf, and for one in JSON_EVERY the JSON. As many come
 * on standard input: the length of the first (four bytes), the protobuf as read and written again, and the JSON as read and
 * written in protobuf. The last frame that goes out is the account:
 * {@code {"messages":N,"json":J,"differences":D,"first":"…"}}.
 */
public final class Fuzz {
    private static final int FLUSH_EVERY = 256;

    private final RandomMessages messages;
    private final int count;
    private final int jsonEvery;
    private final Frames frames;
    private int json;
    private int differences;
    private String first = "";

    Fuzz(long seed, int count, int jsonEvery, InputStream in, OutputStream out) {
        this.messages = new RandomMessages(seed);
        this.count = count;
        this.jsonEvery = jsonEvery;
        this.frames = new Frames(in, out);
    }

    /** Runs with the numbers of the command line. */
    public static void main(String[] args) throws IOException, InterruptedException {
        int count = Integer.parseInt(args[1]);
        new Fuzz(Long.parseLong(args[0]), count, Integer.parseInt(args[2]), System.in, System.out).run();
    }

    /** Writes on a thread of its own, so that neither side waits for the other with a full pipe. */
    void run() throws IOException, InterruptedException {
        Thread writer = new Thread(this::write, "writer");
        writer.start();
        for (int number = 0; number < count; number++) {
            byte[] answer = frames.read();
            if (answer == null) {
                throw new IOException("the other side ended after " + number + " messages");
            }
            compare(number, ByteBuffer.wrap(answer));
        }
        writer.join();
        frames.write("{\"messages\":%d,\"json\":%d,\"differences\":%d,\"first\":\"%s\"}"
                .formatted(count, json, differences, first)
                .getBytes(StandardCharsets.UTF_8));
        frames.flush();
    }

    private void write() {
        try {
            for (int number = 0; number < count; number++) {
                Message message = messages.get(number);
                byte[] text = number % jsonEvery == 0 ? Echo.toJson(message) : new byte[0];
                frames.write(request(messages.withUnknown(number, message), text));
                if (number % FLUSH_EVERY == 0) {
                    frames.flush();
                }
            }
            frames.flush();
        } catch (IOException gone) {
            throw new UncheckedIOException(gone);
        }
    }

    private static byte[] request(Message message, byte[] text) {
        byte[] name = message.getDescriptorForType().getFullName().getBytes(StandardCharsets.UTF_8);
        byte[] content = Echo.both(message.toByteArray(), text);
        return ByteBuffer.allocate(1 + name.length + content.length)
                .put((byte) name.length)
                .put(name)
                .put(content)
                .array();
    }

    private void compare(int number, ByteBuffer answer) {
        Message known = messages.get(number);
        byte[] rewritten = new byte[answer.getInt()];
        answer.get(rewritten);
        byte[] ofJson = new byte[answer.remaining()];
        answer.get(ofJson);
        check(number, "protobuf", messages.withUnknown(number, known), rewritten);
        if (number % jsonEvery == 0) {
            json++;
            check(number, "JSON", known, ofJson);
        }
    }

    private void check(int number, String how, Message sent, byte[] content) {
        try {
            Message back = Echo.fromBinary(sent.getDefaultInstanceForType(), content);
            if (!back.equals(sent)) {
                differ(number, how, sent, "came back otherwise", content);
            }
        } catch (InvalidProtocolBufferException unreadable) {
            differ(number, how, sent, "came back unreadable", content);
        }
    }

    private void differ(int number, String how, Message sent, String what, byte[] content) {
        differences++;
        if (first.isEmpty()) {
            first = "number %d, %s: %s by %s: sent %s, came %s"
                    .formatted(number, sent.getDescriptorForType().getName(), what, how,
                            Arrays.toString(sent.toByteArray()), Arrays.toString(content));
        }
    }
}
