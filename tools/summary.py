"""Print what ran: a line a tier, and the sum; fail where a tier ran nothing. Behind it what the languages agreed on.

tools/summary.py <folder of pytest's and Node's JUnit reports> <Maven's root>
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIERS = ("unit", "integration", "web", "compat", "e2e")


def _count(reports: list[Path]) -> tuple[int, int, int, int]:
    """Return how many tests passed, failed, were skipped, and ended as a failure that is known and explained."""
    ran = failed = skipped = known = 0
    for report in reports:
        for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  our own tests' reports
            ran += 1
            failed += case.find("failure") is not None or case.find("error") is not None
            left_out = case.find("skipped")
            expected = left_out is not None and left_out.get("type") == "pytest.xfail"
            known += expected
            skipped += left_out is not None and not expected
    return ran - failed - skipped - known, failed, skipped, known


def _line(counts: Sequence[int]) -> str:
    passed, failed, skipped, known = counts
    return f"{passed:>5} passed, {failed} failed, {skipped} skipped, {known} known failures"


def main() -> int:
    """Print the table; return the exit status."""
    reports, maven = Path(sys.argv[1]), Path(sys.argv[2])
    tiers = {name: sorted(reports.glob(f"{name}*.xml")) for name in _TIERS}
    tiers["java"] = sorted(maven.glob("*/target/surefire-reports/TEST-*.xml"))
    sums = [0, 0, 0, 0]
    empty = []
    print()
    for name, found in tiers.items():
        counts = _count(found)
        print(f"{name:<12} {_line(counts)}")
        sums = [total + count for total, count in zip(sums, counts, strict=True)]
        if not counts[0]:
            empty.append(name)
    if empty:
        print(f"nothing ran in: {', '.join(empty)}")
    print(_line(sums))
    if (table := reports / "compat.txt").is_file():
        print(f"\n{table.read_text(encoding='utf-8')}", end="")
    return 1 if empty or sums[1] else 0


if __name__ == "__main__":
    sys.exit(main())
