package io.loghub.client.tail;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.loghub.v1.ErrorCode;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When a subscription asks for a token. */
class TokenKeeperTest {
    private static final long NOW = Long.MAX_VALUE - 5; // the clock may overflow

    private String token = "one";
    private final TokenKeeper keeper = new TokenKeeper(() -> token);

    @Test
    @DisplayName("without a supplier there is no token, and none is ever due")
    void none() {
        TokenKeeper without = new TokenKeeper(null);
        without.expiring(NOW);

        assertEquals("", without.forConnection());
        assertFalse(without.isDue(NOW));
        assertFalse(without.hasOther());
    }

    @Test
    @DisplayName("a token that expires is asked for again until there is a fresh one")
    void renewal() {
        assertEquals("one", keeper.forConnection());
        assertFalse(keeper.isDue(NOW));
        keeper.expiring(NOW);
        assertTrue(keeper.isDue(NOW));

        assertEquals("", keeper.renewed(NOW));
        assertFalse(keeper.isDue(NOW), "not at once again");
        long later = NOW + keeper.nanosUntilDue(NOW);
        assertTrue(keeper.isDue(later));
        token = "two\n";
        assertEquals("two", keeper.renewed(later));

        assertFalse(keeper.isDue(later + TimeUnit.HOURS.toNanos(1)));
    }

    @Test
    @DisplayName("a token that the hub did not take is followed by another question; other errors are not")
    void refused() {
        keeper.forConnection();
        keeper.refused(ErrorCode.ERROR_CODE_BAD_REQUEST, NOW);
        assertFalse(keeper.isDue(NOW + TimeUnit.HOURS.toNanos(1)));

        keeper.refused(ErrorCode.ERROR_CODE_BAD_TOKEN, NOW);

        assertFalse(keeper.isDue(NOW));
        assertTrue(keeper.isDue(NOW + keeper.nanosUntilDue(NOW)));
    }

    @Test
    @DisplayName("whether there is another token than the one that was refused")
    void other() {
        keeper.forConnection();
        assertFalse(keeper.hasOther());
        token = "two";
        assertTrue(keeper.hasOther());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " \n", "one\r\nx-tenant: globex", "t\u00f6ken", "two words"})
    @DisplayName("what can be no token is refused before it is in a header")
    void garbage(String garbage) {
        token = garbage;
        assertThrows(IllegalStateException.class, keeper::forConnection);
    }
}
