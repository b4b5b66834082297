"""Counts rows that cannot be used. Each is dropped with a reason, and too many of them stop the collection."""

from collections.abc import Iterator
from dataclasses import dataclass, field

# This many bad rows are always accepted, if there are at least as many good ones.
FEW = 3
# Maximum number of reasons in an error.
SHOWN = 8


class RowError(Exception):
    """A row that cannot be used. `kind` is the counted reason, and `detail` shows this row's value.

    Rows whose error is not `bad` are valid but not usable here, and do not count towards `max_bad_rows`.
    """

    def __init__(self, kind: str, column: str = "", detail: str = "", *, bad: bool = True) -> None:
        self.reason = f"{kind} in column {column!r}" if column else kind
        self.detail, self.bad = detail, bad
        super().__init__(self.reason)


@dataclass
class Kind:
    """One reason: its number of rows, the location of the first one, and how to fix it."""

    first: str
    detail: str = ""
    fix: str = ""
    count: int = 0

    def __str__(self) -> str:
        return f"first at {self.first}" + (f": {self.detail}" if self.detail else "")


@dataclass
class Faults:
    """The faults in the rows of one source. A row with several faults counts once."""

    rows: int = 0
    bad: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    # Reported problems that drop no rows.
    notes: dict[str, Kind] = field(default_factory=dict)
    _last: str = ""

    def add(self, at: str, reason: str, detail: str = "", fix: str = "") -> None:
        """Count a fault of the row at location `at`."""
        self.kinds.setdefault(reason, Kind(at, detail, fix)).count += 1
        if at != self._last:
            self._last = at
            self.bad += 1

    def note(self, at: str, what: str, detail: str = "", fix: str = "") -> None:
        """Count a problem that is reported but drops nothing."""
        self.notes.setdefault(what, Kind(at, detail, fix)).count += 1

    def too_many(self, share: float) -> bool:
        """Whether more than this share of the rows is bad. Unless the share is 0, a few bad rows are always accepted."""
        few = min(FEW, self.rows // 2) if share else 0
        return self.bad > max(share * self.rows, few)

    def listed(self) -> Iterator[str]:
        """Yield one line per reason, most frequent first."""
        kinds = sorted(self.kinds.items(), key=lambda each: -each[1].count)
        for reason, kind in kinds[:SHOWN]:
            yield f"  {kind.count:,} x {reason}, {kind}" + (f". {kind.fix}" if kind.fix else "")
        if len(kinds) > SHOWN:
            yield f"  and {len(kinds) - SHOWN} more reasons"
