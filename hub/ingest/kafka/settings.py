"""What the Kafka source is given of the settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.ingest.kafka.dead_letters import LetterOptions
from hub.ingest.kafka.group import GroupOptions
from hub.ingest.kafka.lane import LaneOptions
from hub.ingest.kafka.rules import Rule, Rules
from hub.ingest.kafka.source import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.config import Settings
    from hub.core.batch import BatchLimits


def rules_of(settings: Settings) -> Rules:
    """Return which topic is whose."""
    rules = [
        Rule(
            one.tenant,
            one.format,
            frozenset(one.topics),
            one.pattern,
            latest=one.start == "latest",
            key_attribute=one.key_attribute,
            headers=one.headers,
        )
        for one in settings.kafka.sources
    ]
    return Rules(rules, settings.kafka.dead_letter_topic, _is_own(settings))


def source_options(settings: Settings, limits: BatchLimits, worker: int) -> SourceOptions:
    """Return how the source of a worker works."""
    kafka = settings.kafka
    rules = rules_of(settings)
    member = f"{kafka.source_member}-{worker}" if kafka.source_member else ""
    return SourceOptions(
        rules=rules,
        group=GroupOptions(
            name=kafka.source_group,
            member=member,
            session_seconds=kafka.source_session_seconds,
            fetch_bytes=kafka.source_fetch_bytes,
            fetch_wait_seconds=kafka.source_fetch_wait_seconds,
            discover_seconds=kafka.source_discover_seconds,
        ),
        letters=LetterOptions(
            rules.dead_letter_topic, kafka.dead_letter_max_bytes, kafka.dead_letter_replication_factor
        ),
        lane=LaneOptions(kafka.source_group, kafka.source_queue_bytes, kafka.source_retry_seconds),
        batch=limits,
        pending_bytes=kafka.source_pending_bytes,
        commit_seconds=kafka.source_commit_seconds,
        max_message_bytes=kafka.source_max_message_bytes,
    )


def _is_own(settings: Settings) -> Callable[[str], bool]:
    """Return what tells the topics of the log on Kafka from others: no pattern may have the hub read its own log."""
    if settings.log.backend != "kafka":
        return lambda _topic: False
    own = re.compile(".+".join(map(re.escape, settings.log.kafka_topic.split("{tenant}"))))
    return lambda topic: own.fullmatch(topic) is not None
