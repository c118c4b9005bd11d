package io.loghub.client;

import com.google.protobuf.ByteString;
import io.loghub.v1.Value;

/** Makes attribute values of Java objects. */
public final class Values {
    /** Stands for the text of an object that has none. */
    public static final String UNPRINTABLE = "[FAILED toString()]";

    private Values() {}

    /**
     * Returns a typed value: numbers, booleans and bytes keep their type, null is a value without kind, anything else
     * is its text. Never throws, whatever the object's {@code toString} does.
     */
    public static Value of(Object object) {
        Value.Builder value = Value.newBuilder();
        if (object == null) {
            return value.build();
        }
        if (object instanceof Long || object instanceof Integer || object instanceof Short || object instanceof Byte) {
            return value.setIntValue(((Number) object).longValue()).build();
        }
        if (object instanceof Double || object instanceof Float) {
            return value.setDoubleValue(((Number) object).doubleValue()).build();
        }
        if (object instanceof Boolean flag) {
            return value.setBoolValue(flag).build();
        }
        if (object instanceof byte[] bytes) {
            return value.setBytesValue(ByteString.copyFrom(bytes)).build();
        }
        return value.setStringValue(text(object)).build();
    }

    /** Returns the object's text, or a text that says that it has none. */
    public static String text(Object object) {
        try {
            String text = String.valueOf(object);
            return text == null ? UNPRINTABLE : text;
        } catch (Throwable hostile) { // a logged object may do anything, even overflow the stack
            return UNPRINTABLE;
        }
    }
}
