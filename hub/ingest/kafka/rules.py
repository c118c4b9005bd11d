"""Which topic is whose: the tenant and the format of a topic come from configuration, never from a message.

The first rule that a topic fits has it. Topics of the hub's own, such as those of dead letters, fit none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Rule:
    """Topics by name or by pattern, and what their messages are; `latest`: an unknown partition begins at its end."""

    tenant: str
    format: str
    topics: frozenset[str] = frozenset()
    pattern: str = ""
    latest: bool = False
    key_attribute: str = ""
    headers: tuple[str, ...] = ()

    def fits(self, topic: str) -> bool:
        """Return whether the topic is one of these."""
        return topic in self.topics or bool(self.pattern and re.fullmatch(self.pattern, topic))


class Rules:
    """All rules, in their order. `is_own` tells of topics that are the hub's own."""

    def __init__(self, rules: Sequence[Rule], dead_letter_template: str, is_own: Callable[[str], bool]) -> None:
        self._rules = tuple(rules)
        self._template = dead_letter_template
        self._letters = re.compile(".+".join(map(re.escape, dead_letter_template.split("{topic}"))))
        self._is_own = is_own

    @property
    def named(self) -> frozenset[str]:
        """The topics that are named, and so must be there."""
        return frozenset().union(*(rule.topics for rule in self._rules))

    def of(self, topic: str) -> Rule | None:
        """Return the rule of a topic; None where it is nobody's."""
        if topic.startswith("__") or self._letters.fullmatch(topic) or self._is_own(topic):
            return None
        return next((rule for rule in self._rules if rule.fits(topic)), None)

    def wanted(self, topics: Iterable[str]) -> frozenset[str]:
        """Return those of the topics that are read."""
        return frozenset(topic for topic in topics if self.of(topic))

    def dead_letter_topic(self, topic: str) -> str:
        """Return the topic for a topic's dead letters."""
        return self._template.replace("{topic}", topic)
