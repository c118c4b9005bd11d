package io.loghub.client;

/** Makes strings fit for protobuf and for a limit. */
final class Text {
    /** Stands at the end of what was cut. */
    static final String CUT_MARKER = "…[cut by loghub]";

    /** {@link #CUT_MARKER} in UTF-8. */
    static final int CUT_MARKER_BYTES = utf8Length(CUT_MARKER);

    private static final char REPLACEMENT = '\uFFFD';

    private Text() {}

    /** Returns whether there is no lone surrogate in the text. */
    static boolean isClean(String text) {
        int bits = 0;
        for (int i = 0; i < text.length(); i++) { // without a branch: most text has no such bits at all
            bits |= text.charAt(i);
        }
        return (bits & Character.MIN_SURROGATE) != Character.MIN_SURROGATE || scrub(text) == text;
    }

    /** Returns the text with each lone surrogate replaced by U+FFFD; the same object where there is none. */
    static String scrub(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (!startsPair(text, i)) {
                    return scrubFrom(text, i);
                }
                i++;
            }
        }
        return text;
    }

    private static String scrubFrom(String text, int first) {
        StringBuilder scrubbed = new StringBuilder(text);
        for (int i = first; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (startsPair(text, i)) {
                    i++;
                } else {
                    scrubbed.setCharAt(i, REPLACEMENT);
                }
            }
        }
        return scrubbed.toString();
    }

    private static boolean startsPair(String text, int index) {
        return Character.isHighSurrogate(text.charAt(index))
                && index + 1 < text.length()
                && Character.isLowSurrogate(text.charAt(index + 1));
    }

    /** Returns the longest beginning that together with the marker has at most this many bytes in UTF-8. */
    static String cut(String text, int maxBytes) {
        int room = maxBytes - CUT_MARKER_BYTES;
        int end = 0;
        while (end < text.length()) {
            int point = text.codePointAt(end);
            room -= utf8Length(point);
            if (room < 0) {
                break;
            }
            end += Character.charCount(point);
        }
        return text.substring(0, end) + CUT_MARKER;
    }

    /** Returns the length in UTF-8, of a text without lone surrogates. */
    static int utf8Length(String text) {
        int bytes = 0;
        for (int i = 0; i < text.length(); ) {
            int point = text.codePointAt(i);
            bytes += utf8Length(point);
            i += Character.charCount(point);
        }
        return bytes;
    }

    private static int utf8Length(int point) {
        if (point < 0x80) {
            return 1;
        }
        if (point < 0x800) {
            return 2;
        }
        return point < 0x10000 ? 3 : 4;
    }
}
