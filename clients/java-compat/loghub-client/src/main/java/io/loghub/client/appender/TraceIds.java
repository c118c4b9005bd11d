package io.loghub.client.appender;

import com.google.protobuf.ByteString;
import io.loghub.v1.LogRecord;
import java.util.HexFormat;

/** Finds W3C trace and span ids in the context (MDC), under the names that tracers use. */
final class TraceIds {
    private static final int TRACE_ID_BYTES = 16;
    private static final int SPAN_ID_BYTES = 8;

    private TraceIds() {}

    /** Sets the id that this entry holds; false where it holds none, or none that is valid. */
    static boolean take(String key, String value, LogRecord.Builder record) {
        switch (key) {
            case "trace_id", "traceId" -> {
                ByteString id = parse(value, TRACE_ID_BYTES);
                record.setTraceId(id.isEmpty() ? record.getTraceId() : id);
                return !id.isEmpty();
            }
            case "span_id", "spanId" -> {
                ByteString id = parse(value, SPAN_ID_BYTES);
                record.setSpanId(id.isEmpty() ? record.getSpanId() : id);
                return !id.isEmpty();
            }
            default -> {
                return false;
            }
        }
    }

    /** Returns the bytes, or none where the text is not their hexadecimal form or they are all zero. */
    private static ByteString parse(String hex, int bytes) {
        if (hex == null || hex.length() != 2 * bytes) {
            return ByteString.EMPTY;
        }
        byte[] id = new byte[bytes];
        boolean any = false;
        for (int i = 0; i < bytes; i++) {
            char high = hex.charAt(2 * i);
            char low = hex.charAt(2 * i + 1);
            if (!HexFormat.isHexDigit(high) || !HexFormat.isHexDigit(low)) {
                return ByteString.EMPTY;
            }
            id[i] = (byte) (HexFormat.fromHexDigit(high) << 4 | HexFormat.fromHexDigit(low));
            any |= id[i] != 0;
        }
        return any ? ByteString.copyFrom(id) : ByteString.EMPTY;
    }
}
