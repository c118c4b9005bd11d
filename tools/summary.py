"""Print what ran: a line a tier, and the sum; fail where a tier ran nothing.

tools/summary.py <folder of pytest's and Node's JUnit reports> <Maven's root>
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

_TIERS = ("unit", "integration", "web", "e2e")


def _count(reports: list[Path]) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped."""
    ran = failed = skipped = 0
    for report in reports:
        for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  our own tests' reports
            ran += 1
            failed += case.find("failure") is not None or case.find("error") is not None
            skipped += case.find("skipped") is not None
    return ran - failed - skipped, failed, skipped


def main() -> int:
    """Print the table; return the exit status."""
    reports, maven = Path(sys.argv[1]), Path(sys.argv[2])
    tiers = {name: [path] if (path := reports / f"{name}.xml").is_file() else [] for name in _TIERS}
    tiers["java"] = sorted(maven.glob("*/target/surefire-reports/TEST-*.xml"))
    sums = [0, 0, 0]
    empty = []
    print()
    for name, found in tiers.items():
        counts = _count(found)
        print(f"{name:<12} {counts[0]:>5} passed, {counts[1]} failed, {counts[2]} skipped")
        sums = [total + count for total, count in zip(sums, counts, strict=True)]
        if not counts[0]:
            empty.append(name)
    if empty:
        print(f"nothing ran in: {', '.join(empty)}")
    print(f"{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    return 1 if empty or sums[1] else 0


if __name__ == "__main__":
    sys.exit(main())
