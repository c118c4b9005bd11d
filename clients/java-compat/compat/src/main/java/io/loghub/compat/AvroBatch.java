package io.loghub.compat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.MapEntry;
import com.google.protobuf.Message;
import io.loghub.v1.Batch;
import io.loghub.v1.Value;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Batches in Avro, by a schema whose fields have the names of the contract's. */
final class AvroBatch {
    private final Schema schema;
    private final GenericDatumWriter<GenericRecord> writer;
    private final GenericDatumReader<GenericRecord> reader;
    private BinaryEncoder encoder;
    private BinaryDecoder decoder;

    AvroBatch(Schema schema) {
        this.schema = schema;
        writer = new GenericDatumWriter<>(schema);
        reader = new GenericDatumReader<>(schema);
    }

    /** Returns the batch as a record of Avro, attributes in the order of their names. */
    GenericRecord of(Batch batch) {
        return record(schema, batch);
    }

    byte[] encode(GenericRecord batch) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        encoder = EncoderFactory.get().binaryEncoder(out, encoder);
        writer.write(batch, encoder);
        encoder.flush();
        return out.toByteArray();
    }

    GenericRecord decode(byte[] content) throws IOException {
        decoder = DecoderFactory.get().binaryDecoder(content, decoder);
        return reader.read(null, decoder);
    }

    private static GenericRecord record(Schema schema, Message message) {
        GenericRecord record = new GenericData.Record(schema);
        for (Schema.Field field : schema.getFields()) {
            FieldDescriptor source = message.getDescriptorForType().findFieldByName(field.name());
            record.put(field.pos(), field(field.schema(), message, source));
        }
        return record;
    }

    private static Object field(Schema schema, Message message, FieldDescriptor source) {
        if (source.isMapField()) {
            return attributes((List<?>) message.getField(source));
        }
        if (source.hasPresence() && !message.hasField(source)) {
            return null;
        }
        Object value = message.getField(source);
        if (!source.isRepeated()) {
            return value(schema, value);
        }
        List<Object> items = new ArrayList<>();
        ((List<?>) value).forEach(item -> items.add(value(schema.getElementType(), item)));
        return items;
    }

    private static Object value(Schema schema, Object value) {
        if (value instanceof Message message) {
            boolean nullable = schema.getType() == Schema.Type.UNION;
            return record(nullable ? schema.getTypes().get(1) : schema, message);
        }
        if (value instanceof EnumValueDescriptor constant) {
            return constant.getNumber();
        }
        if (value instanceof ByteString bytes) {
            return bytes.asReadOnlyByteBuffer();
        }
        return value instanceof Integer number ? (Object) Integer.toUnsignedLong(number) : value;
    }

    private static Map<String, Object> attributes(List<?> entries) {
        Map<String, Object> attributes = new TreeMap<>();
        for (Object one : entries) {
            @SuppressWarnings("unchecked") // all maps of a batch are of strings to values
            MapEntry<String, Value> entry = (MapEntry<String, Value>) one;
            attributes.put(entry.getKey(), kind(entry.getValue()));
        }
        return attributes;
    }

    private static Object kind(Value value) {
        return switch (value.getKindCase()) {
            case STRING_VALUE -> value.getStringValue();
            case INT_VALUE -> value.getIntValue();
            case DOUBLE_VALUE -> value.getDoubleValue();
            case BOOL_VALUE -> value.getBoolValue();
            case BYTES_VALUE -> value.getBytesValue().asReadOnlyByteBuffer();
            case KIND_NOT_SET -> null;
        };
    }
}
