package io.loghub.client;

import java.util.List;

/** Where the records of a {@link RecordQueue} wait; all but {@link #prepare} is called under the queue's lock. */
interface Store {
    /** Returns the record in the form that {@link #add} takes; called without the lock, so this may take time. */
    RecordSource prepare(RecordSource record);

    /** Returns how many records wait. */
    long count();

    /** Returns how many bytes wait. */
    long bytes();

    /** Returns whether a record of this weight could ever be taken in. */
    boolean couldHold(long weight);

    /** Returns whether there is room for it now. */
    boolean hasRoom(long weight);

    /** Takes a record in that there is room for; false where that failed. */
    boolean add(RecordSource record);

    /** Drops some of the oldest records that were not taken; returns how many, 0 where none can go. */
    long dropOldest();

    /** Takes out the oldest records of one batch, at least one if there is any; they hold their room until released. */
    Taken take(int maxRecords, long maxBytes);

    /** Gives back the room of what was taken and is settled. */
    void release(long bytes);

    /**
     * Records of one batch.
     *
     * @param records in the order they were offered
     * @param bytes the room they hold
     * @param first number of the first one in the spool; 0 where there is none
     */
    record Taken(List<RecordSource> records, long bytes, long first) {}
}
