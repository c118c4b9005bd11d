"""Settings of hubs that read topics."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


def source_settings(address: str, *sources: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return the section `kafka` for a broker that is alone, in a group of the test's own; quick to notice things."""
    quick = {
        "source-group": f"g-{uuid4().hex}",
        "source-discover-seconds": 0.3,
        "source-commit-seconds": 0.2,
        "source-retry-seconds": 0.5,
        "dead-letter-replication-factor": 1,
        "timeout-seconds": 5,
    }
    given = {name.replace("_", "-"): value for name, value in settings.items()}
    return {"brokers": [address], "sources": list(sources), **quick, **given}
