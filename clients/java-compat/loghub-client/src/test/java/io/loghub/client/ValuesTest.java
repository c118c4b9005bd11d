package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.loghub.v1.Value.KindCase;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ValuesTest {
    @Test
    @DisplayName("numbers, booleans and bytes keep their type, null has none, the rest is text")
    void types() {
        assertEquals(Long.MIN_VALUE, Values.of(Long.MIN_VALUE).getIntValue());
        assertEquals(-7, Values.of(-7).getIntValue());
        assertEquals(KindCase.INT_VALUE, Values.of((short) 1).getKindCase());
        assertEquals(KindCase.INT_VALUE, Values.of((byte) 1).getKindCase());
        assertEquals(-0.0, Values.of(-0.0).getDoubleValue());
        assertEquals(Double.NaN, Values.of(Float.NaN).getDoubleValue());
        assertEquals(true, Values.of(true).getBoolValue());
        assertEquals(2, Values.of(new byte[] {1, 2}).getBytesValue().size());
        assertEquals(KindCase.KIND_NOT_SET, Values.of(null).getKindCase());
        assertEquals("[1]", Values.of(List.of(1)).getStringValue());
    }

    @Test
    @DisplayName("an object whose toString throws, overflows or returns null has a text all the same")
    void hostile() {
        assertEquals("[FAILED toString()]", Values.of(new Object() {
            @Override
            public String toString() {
                throw new IllegalStateException("no");
            }
        }).getStringValue());
        assertEquals("[FAILED toString()]", Values.of(new Object() {
            @Override
            public String toString() {
                return toString() + "x";
            }
        }).getStringValue());
        assertEquals("[FAILED toString()]", Values.of(new Object() {
            @Override
            public String toString() {
                return null;
            }
        }).getStringValue());
    }
}
