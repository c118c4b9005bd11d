"""hub.observe.audit_access: what was revoked, by whatever way, and what was read anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.revocation import Kind, Revocation
from hub.observe.audit import Audit, AuditOptions
from hub.observe.audit_access import AuditedAccess
from hub.observe.audit_files import FileLimits
from hub.observe.audit_verify import events
from hub.observe.metrics import Metrics

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = (Revocation(Kind.TOKEN, name, 1.0, "acme", reason="lost") for name in ("old", "new"))


def test_new_entries_lost_ones_and_reloads_are_recorded(tmp_path: Path) -> None:
    """What was on the list before is not told again; failures are."""
    metrics = Metrics()
    audit = Audit(AuditOptions(tmp_path, 0, FileLimits(2**20, 9, 1e9), 0.0, 99, 9, 9), metrics)
    observer = AuditedAccess(metrics, audit)
    observer.hold([OLD])
    audit.open()
    observer.hold([OLD])
    observer.hold([OLD, NEW])
    observer.hold([NEW])
    observer.reloaded("tls", failed=False)
    observer.reloaded("revocations", failed=True)
    observer.access(1.0, None, 7)
    audit.close()
    found = [
        (line["event"], line["outcome"], line.get("tenant"), line.get("target"), line.get("reason"))
        for _, line in events(tmp_path)
    ]
    assert found == [
        ("revoked", "ok", "acme", "token:new", "lost"),
        ("revocation_removed", "ok", "acme", "token:old", "lost"),
        ("certificates_reloaded", "ok", None, None, None),
        ("revocations_reloaded", "failed", None, None, None),
    ]
    assert metrics.registry.get_sample_value("loghub_revocations") == 7
    assert metrics.registry.get_sample_value("loghub_reload_failures_total", {"what": "revocations"}) == 1
