package io.loghub.client.tail;

import io.loghub.v1.ServerMessage;

/** Something that the loop must act on. */
sealed interface TailEvent {
    /** The hub said something. */
    record Said(TailSession from, ServerMessage message) implements TailEvent {}

    /** The call is over; {@code failure} is null where the hub ended it in good order. */
    record Ended(TailSession from, Throwable failure) implements TailEvent {}

    /** The listener is done with a message. */
    record Handled(ServerMessage message) implements TailEvent {}

    /** Something else has changed that the loop looks at: it is to close, or the listener has been told the end. */
    record Woken() implements TailEvent {}
}
