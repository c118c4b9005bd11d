"""hub.ingest.kafka.rules: one tenant a topic, by configuration."""

from __future__ import annotations

import pytest

from hub.ingest.kafka.rules import Rule, Rules

RULES = Rules(
    [
        Rule("acme", "ecs", frozenset({"orders", "stock"})),
        Rule("other", "text", pattern=r"app-.*"),
        Rule("third", "text", pattern=r"app-x|shop\..*|orders"),
    ],
    "{topic}.dead",
    lambda topic: topic.startswith("loghub."),
)


@pytest.mark.parametrize(
    ("topic", "tenant"),
    [
        ("orders", "acme"),
        ("app-1", "other"),
        ("app-x", "other"),
        ("shop.eu", "third"),
        ("my-app-1", ""),
        ("orders2", ""),
        ("app-1.dead", ""),
        ("__consumer_offsets", ""),
        ("loghub.acme", ""),
    ],
)
def test_the_first_rule_that_fits_has_the_topic(topic: str, tenant: str) -> None:
    """A pattern fits whole names only; dead letters, Kafka's own topics and the hub's are nobody's."""
    rule = RULES.of(topic)
    assert (rule.tenant if rule else "") == tenant


def test_what_is_named_and_what_is_wanted() -> None:
    """Patterns name nothing, but want what is there."""
    assert RULES.named == {"orders", "stock"}
    assert RULES.wanted(["orders", "app-7", "none", "app-7.dead"]) == {"orders", "app-7"}


def test_dead_letters_have_a_topic_of_their_own_or_one_for_all() -> None:
    """As the template says."""
    assert RULES.dead_letter_topic("orders") == "orders.dead"
    one = Rules([Rule("acme", "text", pattern=".*")], "letters", lambda _: False)
    assert one.dead_letter_topic("orders") == "letters"
    assert one.wanted(["orders", "letters"]) == {"orders"}
