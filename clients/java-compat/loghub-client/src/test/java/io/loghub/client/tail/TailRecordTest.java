package io.loghub.client.tail;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.v1.Batch;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Records;
import io.loghub.v1.Resource;
import io.loghub.v1.Subscribe;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Records of a message, and where to begin. */
class TailRecordTest {
    @Test
    @DisplayName("a record has its offset in the log, also where a filter left others out, and its batch's resource")
    void offsets() {
        Resource orders = Resource.newBuilder().setService("orders").setHost("a").build();
        LogRecord plain = LogRecord.newBuilder().setBody("x").build();
        LogRecord named = LogRecord.newBuilder().setService("stock").setHost("b").build();
        Batch whole = Batch.newBuilder()
                .setFirstOffset(7)
                .setProducerId("p")
                .setReceivedTimeUnixNano(5)
                .setResource(orders)
                .addRecords(plain)
                .addRecords(named)
                .build();
        Batch sifted = Batch.newBuilder().setFirstOffset(100).addRecords(plain).addRecords(plain).addIndexes(2)
                .addIndexes(9).build();

        List<TailRecord> records = TailRecord.of(Records.newBuilder().addBatches(whole).addBatches(sifted).build());

        assertEquals(List.of(7L, 8L, 102L, 109L), records.stream().map(TailRecord::offset).toList());
        assertEquals(new TailRecord(7, plain, orders, "p", 5), records.get(0));
        assertEquals("orders a", records.get(0).service() + " " + records.get(0).host());
        assertEquals("stock b", records.get(1).service() + " " + records.get(1).host());
    }

    @Test
    @DisplayName("every place to begin says so in the request")
    void from() {
        assertEquals(Subscribe.FromCase.FROM_NOT_SET, asked(From.now()).getFromCase());
        assertTrue(asked(From.oldest()).getOldest());
        assertEquals(3, asked(From.last(3)).getLast());
        assertEquals("c", asked(From.cursor("c")).getCursor());
        assertEquals(Subscribe.FromCase.FROM_NOT_SET, asked(From.cursor("")).getFromCase());
        assertEquals(1, asked(From.since(Instant.ofEpochSecond(1, 2))).getSince().getSeconds());
        assertEquals(2, asked(From.since(Instant.ofEpochSecond(1, 2))).getSince().getNanos());
        assertThrows(IllegalArgumentException.class, () -> From.last(0));
        assertThrows(NullPointerException.class, () -> From.cursor(null));
    }

    private static Subscribe asked(From from) {
        Subscribe.Builder subscribe = Subscribe.newBuilder();
        from.applyTo(subscribe);
        return subscribe.build();
    }
}
