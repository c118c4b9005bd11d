package io.loghub.client.tail;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.v1.Batch;
import io.loghub.v1.Gap;
import io.loghub.v1.LogRecord;
import io.loghub.v1.Position;
import io.loghub.v1.Records;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.Subscribe;
import io.loghub.v1.Subscribed;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** Where a subscription resumes, and how much it lets come. */
class CourseTest {
    private static final int CREDIT = 10;
    private static final int WINDOW = 4;

    private final Course course =
            new Course(Subscribe.newBuilder().setFilter("level>=warn").setOldest(true).build(), CREDIT, WINDOW);

    private static ServerMessage records(int count, String cursor) {
        Batch.Builder batch = Batch.newBuilder();
        for (int i = 0; i < count; i++) {
            batch.addRecords(LogRecord.getDefaultInstance());
        }
        return ServerMessage.newBuilder()
                .setRecords(Records.newBuilder().setCursor(cursor).addBatches(batch))
                .build();
    }

    @Test
    @DisplayName("it begins where the wish says, with all of the credit")
    void begins() {
        Subscribe first = course.subscribe();

        assertEquals("level>=warn", first.getFilter());
        assertTrue(first.getOldest());
        assertEquals(CREDIT, first.getCredit());
    }

    @Test
    @DisplayName("it resumes at the newest cursor, of whatever message, in place of where it began")
    void resumes() {
        course.subscribe();
        course.take(ServerMessage.newBuilder().setSubscribed(Subscribed.newBuilder().setCursor("a")).build());
        assertEquals("a", course.subscribe().getCursor());
        course.take(records(1, "b"));
        assertEquals("b", course.subscribe().getCursor());
        course.take(ServerMessage.newBuilder().setGap(Gap.newBuilder().setCursor("c")).build());
        assertEquals("c", course.subscribe().getCursor());
        course.take(ServerMessage.newBuilder().setPosition(Position.newBuilder().setCursor("d")).build());

        Subscribe resumed = course.subscribe();

        assertEquals("d", resumed.getCursor());
        assertFalse(resumed.getOldest());
        assertEquals("level>=warn", resumed.getFilter());
    }

    @Test
    @DisplayName("credit is given once half of it is free, not for every record")
    void credit() {
        course.subscribe();
        ServerMessage three = records(3, "a");
        ServerMessage two = records(2, "b");
        course.take(three);
        course.take(two);
        assertEquals(0, course.grant(), "the listener is not done with any");

        course.handled(three);
        assertEquals(0, course.grant());
        course.handled(two);

        assertEquals(5, course.grant());
        assertEquals(0, course.grant(), "it is given once");
    }

    @Test
    @DisplayName("a new connection gets what the waiting records leave of the credit")
    void creditOfANewConnection() {
        course.subscribe();
        course.take(records(7, "a"));

        assertEquals(3, course.subscribe().getCredit());
    }

    @Test
    @DisplayName("there is no room while records or messages wait that use up the bounds")
    void room() {
        course.subscribe();
        ServerMessage all = records(CREDIT, "a");
        course.take(all);
        assertFalse(course.hasRoom());
        course.handled(all);
        assertTrue(course.hasRoom());

        ServerMessage position = ServerMessage.newBuilder().setPosition(Position.getDefaultInstance()).build();
        for (int i = 0; i < WINDOW; i++) {
            assertEquals(WINDOW - i, course.roomForMessages());
            course.take(position);
        }
        assertFalse(course.hasRoom());
    }

    @RepeatedTest(20)
    @DisplayName("whatever happens, what waits and what may come is at most the credit, and the flow never stops")
    void bounded() {
        Random random = new Random();
        Deque<ServerMessage> waiting = new ArrayDeque<>();
        long waitingRecords = 0;
        long allowed = course.subscribe().getCredit();
        for (int step = 0; step < 2_000; step++) {
            int what = random.nextInt(10);
            if (what == 0 && course.hasRoom()) {
                allowed = course.subscribe().getCredit();
                assertTrue(allowed >= 1, "0 would be no flow control");
            } else if (what < 5 && allowed > 0) {
                int count = 1 + random.nextInt((int) allowed);
                ServerMessage message = records(count, "c" + step);
                course.take(message);
                waiting.add(message);
                allowed -= count;
                waitingRecords += count;
            } else if (!waiting.isEmpty()) {
                ServerMessage done = waiting.remove();
                waitingRecords -= done.getRecords().getBatches(0).getRecordsCount();
                course.handled(done);
                allowed += course.grant();
            }
            assertTrue(waitingRecords + allowed <= CREDIT);
            assertTrue(!waiting.isEmpty() || allowed > 0, "nothing waits, and nothing may come");
        }
    }
}
