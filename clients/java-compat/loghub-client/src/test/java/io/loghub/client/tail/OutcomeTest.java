package io.loghub.client.tail;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.Duration;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.loghub.client.tail.Outcome.Next;
import io.loghub.v1.Error;
import io.loghub.v1.ErrorCode;
import io.loghub.v1.GoodbyeReason;
import io.loghub.v1.TailGoodbye;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the end of a connection means. */
class OutcomeTest {
    private static final Duration TWO_SECONDS = Duration.newBuilder().setSeconds(2).build();

    @ParameterizedTest
    @CsvSource({
        "GOODBYE_REASON_SHUTDOWN, true, RETRY",
        "GOODBYE_REASON_INTERNAL, true, RETRY",
        "GOODBYE_REASON_QUOTA, true, RETRY",
        "GOODBYE_REASON_EXPIRED, false, RETRY",
        "GOODBYE_REASON_DONE, false, DONE",
        "GOODBYE_REASON_PROTOCOL, false, FAIL",
        "GOODBYE_REASON_UNSPECIFIED, false, FAIL",
    })
    @DisplayName("a goodbye that says so, or an expiry, leads back; the end of what was asked for is no failure")
    void goodbye(GoodbyeReason reason, boolean reconnect, Next next) {
        TailGoodbye goodbye = TailGoodbye.newBuilder()
                .setReason(reason)
                .setReconnect(reconnect)
                .setRetryAfter(TWO_SECONDS)
                .build();

        Outcome outcome = Outcome.of(goodbye);

        assertEquals(next, outcome.next());
        assertEquals(TimeUnit.SECONDS.toNanos(2), outcome.leastNanos());
        assertEquals(reason.name(), outcome.reason());
    }

    @ParameterizedTest
    @CsvSource({
        "UNAVAILABLE, RETRY",
        "INTERNAL, RETRY",
        "UNKNOWN, RETRY",
        "RESOURCE_EXHAUSTED, RETRY",
        "CANCELLED, RETRY",
        "UNAUTHENTICATED, RENEW",
        "PERMISSION_DENIED, FAIL",
        "INVALID_ARGUMENT, FAIL",
        "UNIMPLEMENTED, FAIL",
    })
    @DisplayName("a status that passes leads back, one about the token with another token, one about the rest does not")
    void status(Status.Code code, Next next) {
        Outcome outcome = Outcome.of(code.toStatus().withDescription("why\npipeline").asRuntimeException());

        assertEquals(new Outcome(next, 0, code + ": why"), outcome);
    }

    @Test
    @DisplayName("RetryInfo says how long to wait at least; the innermost cause is told")
    void details() {
        com.google.rpc.Status status = com.google.rpc.Status.newBuilder()
                .setCode(Status.Code.RESOURCE_EXHAUSTED.value())
                .addDetails(Any.pack(RetryInfo.newBuilder().setRetryDelay(TWO_SECONDS).build()))
                .build();
        IOException refused = new IOException("outer", new IOException("connection refused"));

        assertEquals(TimeUnit.SECONDS.toNanos(2), Outcome.of(StatusProto.toStatusRuntimeException(status)).leastNanos());
        assertTrue(Outcome.of(Status.UNAVAILABLE.withCause(refused).asException())
                .reason()
                .endsWith("(connection refused)"));
        assertEquals(Next.RETRY, Outcome.of((Throwable) null).next());
    }

    @Test
    @DisplayName("an error ends the subscription, unless it says when to ask again or is the hub's own fault")
    void error() {
        Error.Builder filter = Error.newBuilder().setCode(ErrorCode.ERROR_CODE_BAD_FILTER).setMessage("column 3");

        assertEquals(new Outcome(Next.FAIL, 0, "column 3"), Outcome.of(filter.build()));
        assertEquals(Next.RETRY, Outcome.of(filter.setRetryAfter(TWO_SECONDS).build()).next());
        Error own = Error.newBuilder().setCode(ErrorCode.ERROR_CODE_INTERNAL).build();
        assertEquals(Next.RETRY, Outcome.of(own).next());
    }
}
