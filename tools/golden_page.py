"""Write the table of inputs that readers do not agree on into docs/reference/compatibility.md.

tools/golden_page.py [page]: what stands between its two marks is replaced.
"""

from __future__ import annotations

import sys
from pathlib import Path

from golden_outcomes import OUTCOMES, Outcome
from golden_vectors import kind_of
from google.protobuf import text_format

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "compatibility.md"
_BEGIN, _END = "<!-- outcomes: written by tools/golden_page.py -->\n", "<!-- end of outcomes -->\n"
_HEAD = "| | input | Python | Java | Node | |\n|---|---|---|---|---|---|\n"


def table() -> str:
    """Return a line for each input that is not read by all as the same, or not refused by all."""
    return _HEAD + "".join(map(_line, filter(_differs, OUTCOMES)))


def _differs(one: Outcome) -> bool:
    return len(set(one.read.values())) > 1


def _line(one: Outcome) -> str:
    given = one.json if one.json is not None else f"hex {one.hex}"
    cells = [one.name, _code(given), *(_read(one, raw) for raw in (one.python, one.java, one.es))]
    hub = f"the hub: {_read(one, one.hub)}" if one.hub else ""
    return f"| {' | '.join((*cells, '; '.join(filter(None, (one.why, hub)))))} |\n"


def _read(one: Outcome, raw: str | None) -> str:
    if raw is None:
        return "refuses"
    message = kind_of(one.kind).FromString(bytes.fromhex(raw))
    text = text_format.MessageToString(message, as_one_line=True, print_unknown_fields=True, as_utf8=True)
    return _code(text) if text else "empty"


def _code(text: str) -> str:
    visible = text.replace("\t", "→").replace("|", "\\|")
    return f"`{visible}`" if visible else "nothing"


def write(page: Path) -> None:
    """Replace the table."""
    text = page.read_text(encoding="utf-8")
    before, after = text.split(_BEGIN)[0], text.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}{table()}{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else _PAGE)
