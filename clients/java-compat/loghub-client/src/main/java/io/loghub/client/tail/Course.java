package io.loghub.client.tail;

import io.loghub.v1.Records;
import io.loghub.v1.ServerMessage;
import io.loghub.v1.Subscribe;

/**
 * Where a subscription stands: what to ask the hub for, and how much may still come. No I/O; for the loop's thread only.
 *
 * <p>What must hold: records that wait for the listener and those that the hub may still send are together at most the
 * credit; messages that wait are at most the window, of all connections together.
 */
final class Course {
    /** Name of the one subscription of a connection. */
    static final String ID = "tail";

    private final Subscribe wish;
    private final int credit;
    private final int window;
    private String cursor = "";
    private long waitingRecords;
    private int waitingMessages;
    // What the hub of the current connection may still send.
    private long allowed;

    /**
     * Begins where the wish says.
     *
     * @param wish everything but id and credit
     * @param credit most records that may wait or be on their way
     * @param window most messages that may wait
     */
    Course(Subscribe wish, int credit, int window) {
        this.wish = wish;
        this.credit = credit;
        this.window = window;
    }

    /** Returns whether another connection may bring something. */
    boolean hasRoom() {
        return waitingRecords < credit && waitingMessages < window;
    }

    /** Returns how many messages a new connection may bring. */
    int roomForMessages() {
        return window - waitingMessages;
    }

    /** Returns what to ask a new connection for: what follows what came last. */
    Subscribe subscribe() {
        allowed = credit - waitingRecords;
        Subscribe.Builder subscribe = wish.toBuilder().setId(ID).setCredit((int) allowed);
        if (!cursor.isEmpty()) {
            subscribe.setCursor(cursor); // takes the place of whatever the wish began with
        }
        return subscribe.build();
    }

    /** Takes note of a message that moves the cursor, and waits for the listener from now on. */
    void take(ServerMessage message) {
        String moved = cursorOf(message);
        if (!moved.isEmpty()) {
            cursor = moved;
        }
        int records = records(message);
        allowed -= records;
        waitingRecords += records;
        waitingMessages++;
    }

    /** Takes note that the listener is done with a message. */
    void handled(ServerMessage message) {
        waitingRecords -= records(message);
        waitingMessages--;
    }

    /** Returns how many records more the hub may send, 0: too few to be worth a message; they count as said. */
    int grant() {
        long more = credit - waitingRecords - allowed;
        if (more < Math.max(1, credit / 2)) {
            return 0;
        }
        allowed += more;
        return (int) more;
    }

    /** Returns the cursor of a message; empty: it has none. */
    static String cursorOf(ServerMessage message) {
        return switch (message.getKindCase()) {
            case SUBSCRIBED -> message.getSubscribed().getCursor();
            case RECORDS -> message.getRecords().getCursor();
            case POSITION -> message.getPosition().getCursor();
            case GAP -> message.getGap().getCursor();
            case UNSUBSCRIBED -> message.getUnsubscribed().getCursor();
            default -> "";
        };
    }

    private static int records(ServerMessage message) {
        Records records = message.getRecords();
        int count = 0;
        for (int i = 0; i < records.getBatchesCount(); i++) {
            count += records.getBatches(i).getRecordsCount();
        }
        return count;
    }
}
