package io.loghub.compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import com.google.protobuf.TextFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The golden vectors, which Python has written: read and written by Java's stubs, without Python. */
class VectorsTest {
    private static final Path FILE = Path.of("../../../proto/testdata/vectors.json");

    static Stream<Vector> vectors() throws IOException {
        JsonArray rows = JsonParser.parseString(Files.readString(FILE)).getAsJsonArray();
        return StreamSupport.stream(rows.spliterator(), false).map(row -> new Vector(row.getAsJsonObject()));
    }

    /** A message in text, in canonical JSON and in bytes, and what else is read as the same. */
    record Vector(JsonObject row) {
        Message kind() {
            return Contract.empty(text("type"));
        }

        byte[] known() {
            return HexFormat.of().parseHex(text("hex"));
        }

        /** The bytes, with the fields that nobody knows behind the others. */
        byte[] whole() {
            return HexFormat.of().parseHex(text("hex") + text("unknownHex"));
        }

        Message message() throws IOException {
            return Echo.fromBinary(kind(), whole());
        }

        /** What Java reads of the JSON: for one vector another message, and the vector says which. */
        Message ofJson() throws IOException {
            String own = text("javaReadsJson");
            return Echo.fromBinary(kind(), own.isEmpty() ? known() : HexFormat.of().parseHex(own));
        }

        String text(String name) {
            return row.has(name) ? row.get(name).getAsString() : "";
        }

        List<String> texts(String name) {
            JsonArray found = row.has(name) ? row.getAsJsonArray(name) : new JsonArray();
            return StreamSupport.stream(found.spliterator(), false).map(JsonElement::getAsString).toList();
        }

        @Override
        public String toString() {
            return text("name");
        }
    }

    @ParameterizedTest
    @MethodSource("vectors")
    @DisplayName("the text is the bytes, and the bytes with what nobody knows come back as they were")
    void bytes(Vector vector) throws IOException {
        Message.Builder ofText = vector.kind().newBuilderForType();
        TextFormat.merge(vector.text("textproto"), ofText);

        assertArrayEquals(vector.known(), deterministic(ofText.build()));
        assertArrayEquals(vector.whole(), deterministic(vector.message()));
    }

    @ParameterizedTest
    @MethodSource("vectors")
    @DisplayName("the JSON is canonical, and it and all that may stand for it is read as the message")
    void json(Vector vector) throws IOException {
        JsonElement canonical = vector.row().get("json");
        String written = new String(Echo.toJson(vector.message()), StandardCharsets.UTF_8);

        assertEquals(canonical, JsonParser.parseString(written));
        for (String text : Stream.concat(Stream.of(written), vector.texts("alsoJson").stream()).toList()) {
            assertEquals(vector.ofJson(), Echo.fromJson(vector.kind(), text.getBytes(StandardCharsets.UTF_8)), text);
        }
    }

    @ParameterizedTest
    @MethodSource("vectors")
    @DisplayName("other bytes that may stand for the message are read as it")
    void otherBytes(Vector vector) throws IOException {
        for (String hex : vector.texts("alsoHex")) {
            assertEquals(vector.message(), Echo.fromBinary(vector.kind(), HexFormat.of().parseHex(hex)), hex);
        }
    }

    @Test
    @DisplayName("there are as many as there should be")
    void count() throws IOException {
        assertTrue(vectors().count() >= 90);
    }

    private static byte[] deterministic(Message message) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        out.useDeterministicSerialization();
        message.writeTo(out);
        out.flush();
        return bytes.toByteArray();
    }
}
