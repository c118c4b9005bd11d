"""hub.cli.config_reference: the page names every setting as one would write it."""

from __future__ import annotations

import pytest

from hub.cli.config_reference import reference
from hub.config import TenantQuota, load
from hub.config.doors import KafkaSource


def rows() -> dict[str, str]:
    """Return the page's table rows by the setting's full name."""
    found = {}
    section = ""
    for line in reference().splitlines():
        if line.startswith(("## ", "### ")):
            section = line.lstrip("# ").strip("`")
        elif line.startswith("| `"):
            name = line.split("`")[1]
            found[name if section == "Top level" else f"{section}.{name}"] = line
    return found


def test_every_setting_has_one_row() -> None:
    """The page and the settings name the same things."""
    of_tenants = {f"quotas.tenants.{name}" for name in TenantQuota.model_fields}
    of_sources = {f"kafka.sources.{name}" for name in KafkaSource.model_fields}
    assert set(rows()) == {name for name, _ in load(None, {}).flat()} | of_tenants | of_sources


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("ingest.max_batch_bytes", "| `max_batch_bytes` | `4MiB` | at least `1KiB` | Size of a batch |"),
        ("log.retention_seconds", "| `retention_seconds` | `7d` | at least `0` | How long records are kept |"),
        ("log.retention_bytes_per_tenant", "`1GiB`"),
        ("web.heartbeat_seconds", "| more than `0` |"),
        ("web.allowed_origins", "| none |"),
        ("workers", "| `1` | at least `1`, at most `64` |"),
        ("data_dir", "| `data` |"),
    ],
)
def test_a_row_has_default_bounds_and_meaning(name: str, row: str) -> None:
    """Defaults and bounds come in the largest unit that leaves a whole number; the tighter of two bounds counts."""
    assert row in rows()[name]
