package io.loghub.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class TextTest {
    private static final String SMILE = "\uD83D\uDE00";

    @Test
    @DisplayName("text without lone surrogates stays the same object")
    void scrubKeepsGoodText() {
        String good = "Straße " + SMILE;

        assertSame(good, Text.scrub(good));
    }

    @Test
    @DisplayName("every lone surrogate becomes U+FFFD and pairs stay")
    void scrubReplacesLoneSurrogates() {
        assertEquals("\uFFFD", Text.scrub("\uD83D"));
        assertEquals("a\uFFFDb", Text.scrub("a\uDE00b"));
        assertEquals("\uFFFD" + SMILE + "\uFFFD", Text.scrub("\uD83D" + SMILE + "\uDE00"));
        assertEquals("\uFFFD\uFFFD", Text.scrub("\uDE00\uD83D"));
    }

    @Test
    @DisplayName("a cut text is never longer than asked, ends in the marker, and splits no character")
    void cutKeepsWithinBytes() {
        String text = "aß€" + SMILE;
        String full = text.repeat(20);
        for (int max = Text.CUT_MARKER_BYTES; max < 100; max++) {
            String cut = Text.cut(full, max);

            assertTrue(cut.getBytes(StandardCharsets.UTF_8).length <= max, cut);
            assertTrue(cut.endsWith(Text.CUT_MARKER), cut);
            assertSame(cut, Text.scrub(cut));
            assertTrue(max - cut.getBytes(StandardCharsets.UTF_8).length < 4, "cut more than a character too much");
        }
    }

    @Test
    @DisplayName("UTF-8 lengths are those of the JDK")
    void utf8Length() {
        for (String text : new String[] {"", "a", "ß", "€", SMILE, "aß€" + SMILE}) {
            assertEquals(text.getBytes(StandardCharsets.UTF_8).length, Text.utf8Length(text));
        }
    }
}
