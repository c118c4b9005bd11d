"""The table at the end of the run: what was compared, what differed, and what each format costs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cost:
    """What a record costs in a format: bytes as they are and compressed, microseconds to write and to read it."""

    language: str
    form: str
    plain_bytes: float
    gzip_bytes: float
    zstd_bytes: float
    encode_us: float | None
    decode_us: float | None

    def line(self) -> str:
        """Return its line of the table."""
        sizes = f"{self.plain_bytes:>9.1f} {self.gzip_bytes:>9.1f} {self.zstd_bytes:>9.1f}"
        times = " ".join(f"{'' if us is None else f'{us:.2f}':>11}" for us in (self.encode_us, self.decode_us))
        return f"{self.form:<24} {self.language:<8} {sizes} {times}".rstrip()


@dataclass(slots=True)
class Figures:
    """What the tests have found; `checks` are counts and differences by what was compared, in the order they came."""

    checks: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)

    def count(self, what: str, compared: int, differences: int = 0) -> None:
        """Add to what was compared."""
        before, differed = self.checks.get(what, (0, 0))
        self.checks[what] = (before + compared, differed + differences)

    def table(self) -> str:
        """Return the table; "" where nothing was compared."""
        lines = []
        if self.checks:
            lines += [f"{'compared':<60} {'count':>9} {'differences':>12}"]
            lines += [
                f"{what:<60} {count:>9} {differed:>12}" for what, (count, differed) in sorted(self.checks.items())
            ]
            total, differed = (sum(column) for column in zip(*self.checks.values(), strict=True))
            lines += [f"{'in all':<60} {total:>9} {differed:>12}", *self.notes]
        if self.costs:
            sizes = f"{'bytes':>9} {'gzip':>9} {'zstd':>9}"
            lines += ["", f"{'a record as':<24} {'in':<8} {sizes} {'encode, µs':>11} {'decode, µs':>11}"]
            lines += [cost.line() for cost in sorted(self.costs, key=lambda cost: (cost.form, cost.language))]
        return "".join(f"{line}\n" for line in lines)
