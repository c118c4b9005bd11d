package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.loghub.v1.Exception;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Value;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class RecordFitTest {
    private static final String LONE = "x\uD800y";
    private static final String MENDED = "x\uFFFDy";

    @Test
    @DisplayName("a record with nothing wrong stays the same object")
    void keepsGoodRecords() {
        LogRecord good = LogRecord.newBuilder().setBody("fine").putAttributes("k", Values.of("v")).build();

        assertSame(good, RecordFit.scrub(good));
        assertSame(good, RecordFit.cut(good, good.getSerializedSize(), 1));
    }

    @Test
    @DisplayName("lone surrogates are replaced in every text, attribute keys and values included")
    void scrubsEveryText() {
        LogRecord record = everyText(LONE);

        assertEquals(everyText(MENDED), RecordFit.scrub(record));
    }

    @Test
    @DisplayName("one bad text among good ones is found, wherever it is, and the others stay as they are")
    void scrubsEachText() {
        List<LogRecord> bad = oneText(LONE);
        List<LogRecord> mended = oneText(MENDED);

        for (int i = 0; i < bad.size(); i++) {
            assertEquals(mended.get(i), RecordFit.scrub(bad.get(i)));
            assertSame(mended.get(i), RecordFit.scrub(mended.get(i)));
        }
    }

    /** Returns records each of which has the text in another place, beside texts that look like bad ones. */
    private static List<LogRecord> oneText(String text) {
        LogRecord good = LogRecord.newBuilder().setBody("Straße 漢字 \uD83D\uDE00").build();
        return List.of(
                good.toBuilder().setBody(text).build(),
                good.toBuilder().setSeverityText(text).build(),
                good.toBuilder().setService(text).build(),
                good.toBuilder().setHost(text).build(),
                good.toBuilder().setLogger(text).build(),
                good.toBuilder().setThread(text).build(),
                good.toBuilder().setException(Exception.newBuilder().setType(text)).build(),
                good.toBuilder().setException(Exception.newBuilder().setMessage(text)).build(),
                good.toBuilder().setException(Exception.newBuilder().setStacktrace(text)).build(),
                good.toBuilder().putAttributes(text, Values.of(1)).build(),
                good.toBuilder().putAttributes("k", Values.of(text)).build());
    }

    private static LogRecord everyText(String text) {
        return LogRecord.newBuilder()
                .setBody(text)
                .setSeverityText(text)
                .setService(text)
                .setHost(text)
                .setLogger(text)
                .setThread(text)
                .setException(Exception.newBuilder().setType(text).setMessage(text).setStacktrace(text))
                .putAttributes(text, Value.newBuilder().setStringValue(text).build())
                .putAttributes("n", Values.of(7))
                .build();
    }

    @Test
    @DisplayName("the longest text is cut, with a marker, and the others stay whole")
    void cutsLongestText() {
        LogRecord record = LogRecord.newBuilder()
                .setBody("short")
                .setException(Exception.newBuilder().setStacktrace("s".repeat(5000)))
                .putAttributes("k", Values.of("v"))
                .build();

        LogRecord cut = RecordFit.cut(record, 1024, 0);

        assertTrue(cut.getSerializedSize() <= 1024);
        assertTrue(cut.getSerializedSize() > 900, "cut more than needed");
        assertEquals("short", cut.getBody());
        assertTrue(cut.getException().getStacktrace().endsWith(Text.CUT_MARKER));
        assertEquals("v", cut.getAttributesOrThrow("k").getStringValue());
    }

    @Test
    @DisplayName("several long texts are cut until the record fits")
    void cutsSeveralTexts() {
        LogRecord record = LogRecord.newBuilder()
                .setBody("b".repeat(3000))
                .setException(Exception.newBuilder().setStacktrace("s".repeat(3000)))
                .putAttributes("k", Values.of("v".repeat(3000)))
                .build();

        assertTrue(RecordFit.cut(record, 1024, 0).getSerializedSize() <= 1024);
    }

    @Test
    @DisplayName("attributes over the limit are left out, sorted, and counted")
    void limitsAttributes() {
        LogRecord.Builder record = LogRecord.newBuilder();
        for (String key : new String[] {"d", "b", "a", "c"}) {
            record.putAttributes(key, Values.of(1));
        }

        LogRecord cut = RecordFit.cut(record.build(), 1024, 3);

        assertEquals(Set.of("a", "b", RecordFit.DROPPED_ATTRIBUTES), cut.getAttributesMap().keySet());
        assertEquals(2, cut.getAttributesOrThrow(RecordFit.DROPPED_ATTRIBUTES).getIntValue());
    }

    @Test
    @DisplayName("where texts are not what is long, the attributes go and the body stays")
    void dropsAttributesAtLast() {
        Value bytes = Value.newBuilder().setBytesValue(ByteString.copyFrom(new byte[5000])).build();
        LogRecord record = LogRecord.newBuilder().setBody("kept").putAttributes("blob", bytes).build();

        LogRecord cut = RecordFit.cut(record, 1024, 0);

        assertTrue(cut.getSerializedSize() <= 1024);
        assertEquals(1, cut.getAttributesOrThrow(RecordFit.DROPPED_ATTRIBUTES).getIntValue());
        assertEquals("kept", cut.getBody());
    }
}
