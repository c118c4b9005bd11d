package io.loghub.compat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import com.google.protobuf.Timestamp;
import com.google.protobuf.UnknownFieldSet;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Messages of the contract drawn by reflection, so that a field that is added is drawn too.
 *
 * <p>Number n of a seed is always the same message, so none has to be kept until it comes back.
 */
final class RandomMessages {
    private static final int MOST_ITEMS = 3;
    private static final int MOST_CHARACTERS = 6;
    private static final int UNKNOWN_FIELD = 1_000;
    // Only these have a form in JSON: the years 1 to 9999, and ten thousand years either way.
    private static final long FIRST_SECOND = -62_135_596_800L;
    private static final long LAST_SECOND = 253_402_300_799L;
    private static final long LONGEST_SECONDS = 315_576_000_000L;
    private static final int LAST_NANO = 999_999_999;

    private static final long[] INTEGERS = {
        0, 1, -1, 127, 128, Integer.MAX_VALUE, Integer.MIN_VALUE, 1L << 32, (1L << 53) + 1, Long.MAX_VALUE, Long.MIN_VALUE
    };
    private static final double[] DOUBLES = {
        0.0, -0.0, 1.0, -1.5, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MIN_VALUE,
        Double.MAX_VALUE, 0.1, 1e21, 123456789012345680.0
    };
    private static final String[] TEXTS = {
        "", "\0", "\u001f\u007f\u0080", "\u2028\u2029", "\"\\/", "</script>", "\ufeff", "\uffff", "\ud83d\ude00",
        "\udbff\udfff", "e\u0301", "null"
    };

    private final long seed;
    private final List<Message> kinds = Contract.all();

    RandomMessages(long seed) {
        this.seed = seed;
    }

    /** Returns a message without unknown fields. */
    Message get(int number) {
        SplittableRandom random = random(number);
        return message(random, kinds.get(random.nextInt(kinds.size())).newBuilderForType());
    }

    /** Returns the same message, one in eight with a field that nobody knows. */
    Message withUnknown(int number, Message message) {
        SplittableRandom random = random(~number);
        if (random.nextInt(8) > 0) {
            return message;
        }
        UnknownFieldSet.Field field = UnknownFieldSet.Field.newBuilder()
                .addVarint(integer(random))
                .addFixed64(random.nextLong())
                .addFixed32(random.nextInt())
                .addLengthDelimited(bytes(random))
                .build();
        int unknown = UNKNOWN_FIELD + random.nextInt(UNKNOWN_FIELD);
        return message.toBuilder()
                .setUnknownFields(UnknownFieldSet.newBuilder().addField(unknown, field).build())
                .build();
    }

    private SplittableRandom random(int number) {
        return new SplittableRandom(seed * 1_000_003 + number);
    }

    private static Message message(SplittableRandom random, Message.Builder message) {
        Descriptor kind = message.getDescriptorForType();
        if (kind.equals(Timestamp.getDescriptor())) {
            return timestamp(random);
        }
        if (kind.equals(Duration.getDescriptor())) {
            return duration(random);
        }
        for (FieldDescriptor field : kind.getFields()) {
            if (field.getRealContainingOneof() == null && random.nextBoolean()) {
                set(random, message, field);
            }
        }
        for (OneofDescriptor oneof : kind.getRealOneofs()) {
            int choice = random.nextInt(oneof.getFieldCount() + 1);
            if (choice < oneof.getFieldCount()) {
                set(random, message, oneof.getField(choice));
            }
        }
        return message.build();
    }

    private static void set(SplittableRandom random, Message.Builder message, FieldDescriptor field) {
        if (!field.isRepeated()) {
            message.setField(field, value(random, message, field));
            return;
        }
        for (int items = random.nextInt(MOST_ITEMS + 1); items > 0; items--) {
            message.addRepeatedField(
                    field, field.isMapField() ? entry(random, message, field) : value(random, message, field));
        }
    }

    /** An entry has both its parts, since every writer writes both. */
    private static Message entry(SplittableRandom random, Message.Builder message, FieldDescriptor field) {
        Message.Builder entry = message.newBuilderForField(field);
        for (FieldDescriptor part : field.getMessageType().getFields()) {
            entry.setField(part, value(random, entry, part));
        }
        return entry.build();
    }

    private static Object value(SplittableRandom random, Message.Builder message, FieldDescriptor field) {
        return switch (field.getJavaType()) {
            case MESSAGE -> message(random, message.newBuilderForField(field));
            case STRING -> text(random);
            case BYTE_STRING -> bytes(random);
            case BOOLEAN -> random.nextBoolean();
            case DOUBLE -> number(random);
            case FLOAT -> (float) number(random);
            case INT -> (int) integer(random);
            case LONG -> integer(random);
            case ENUM -> constant(random, field.getEnumType());
        };
    }

    private static Object constant(SplittableRandom random, EnumDescriptor kind) {
        return random.nextInt(4) > 0
                ? kind.getValues().get(random.nextInt(kind.getValues().size()))
                : kind.findValueByNumberCreatingIfUnknown((int) integer(random));
    }

    private static long integer(SplittableRandom random) {
        return random.nextBoolean()
                ? INTEGERS[random.nextInt(INTEGERS.length)]
                : random.nextLong() >> random.nextInt(Long.SIZE);
    }

    private static double number(SplittableRandom random) {
        double number = random.nextBoolean()
                ? DOUBLES[random.nextInt(DOUBLES.length)]
                : Double.longBitsToDouble(random.nextLong());
        return Double.isNaN(number) ? Double.NaN : number; // JSON has one NaN
    }

    private static String text(SplittableRandom random) {
        if (random.nextBoolean()) {
            return TEXTS[random.nextInt(TEXTS.length)];
        }
        StringBuilder text = new StringBuilder();
        for (int length = random.nextInt(MOST_CHARACTERS); length > 0; length--) {
            int point = random.nextInt(Character.MAX_CODE_POINT + 1) >> random.nextInt(15);
            text.appendCodePoint(point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE ? 'x' : point);
        }
        return text.toString();
    }

    private static ByteString bytes(SplittableRandom random) {
        byte[] bytes = new byte[random.nextInt(MOST_CHARACTERS)];
        random.nextBytes(bytes);
        return ByteString.copyFrom(bytes);
    }

    private static Timestamp timestamp(SplittableRandom random) {
        return Timestamp.newBuilder()
                .setSeconds(random.nextLong(FIRST_SECOND, LAST_SECOND + 1))
                .setNanos(nanos(random))
                .build();
    }

    /** Seconds and nanoseconds have the same sign. */
    private static Duration duration(SplittableRandom random) {
        int sign = random.nextBoolean() ? 1 : -1;
        return Duration.newBuilder()
                .setSeconds(sign * random.nextLong(LONGEST_SECONDS))
                .setNanos(sign * nanos(random))
                .build();
    }

    /** JSON writes none, three, six or nine digits. */
    private static int nanos(SplittableRandom random) {
        int unit = new int[] {1, 1_000, 1_000_000, LAST_NANO}[random.nextInt(4)];
        return random.nextInt(LAST_NANO / unit + 1) * unit;
    }
}
