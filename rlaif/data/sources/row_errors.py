"""Rows that cannot be used: each is dropped with a counted reason, and too many of them stop the collection."""

from collections.abc import Iterator
from dataclasses import dataclass, field

# In a source of any size, this many bad rows pass, if at least as many good ones stand beside them.
FEW = 3
# Reasons that an error lists.
SHOWN = 8


class RowError(Exception):
    """A row that cannot be used. `kind` is the reason that is counted, and `detail` is what this row holds.

    Rows whose fault is not `bad` are sound, only of no use here, and do not count towards `max_bad_rows`.
    """

    def __init__(self, kind: str, column: str = "", detail: str = "", *, bad: bool = True) -> None:
        self.reason = f"{kind} in column {column!r}" if column else kind
        self.detail, self.bad = detail, bad
        super().__init__(self.reason)


@dataclass
class Kind:
    """One reason: how many rows have it, where the first of them stands, and how to fix it."""

    first: str
    detail: str = ""
    fix: str = ""
    count: int = 0

    def __str__(self) -> str:
        return f"first at {self.first}" + (f": {self.detail}" if self.detail else "")


@dataclass
class Faults:
    """What was wrong with the rows of one source. A row with several faults counts once."""

    rows: int = 0
    bad: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    # What is worth a note, but drops nothing.
    notes: dict[str, Kind] = field(default_factory=dict)
    _last: str = ""

    def add(self, at: str, reason: str, detail: str = "", fix: str = "") -> None:
        """Counts a fault of the row that stands at `at`."""
        self.kinds.setdefault(reason, Kind(at, detail, fix)).count += 1
        if at != self._last:
            self._last = at
            self.bad += 1

    def note(self, at: str, what: str, detail: str = "", fix: str = "") -> None:
        """Counts something that drops nothing, to be reported."""
        self.notes.setdefault(what, Kind(at, detail, fix)).count += 1

    def too_many(self, share: float) -> bool:
        """Whether more than this share of the rows is bad. Unless it is 0, up to three pass beside as many good rows."""
        few = min(FEW, self.rows // 2) if share else 0
        return self.bad > max(share * self.rows, few)

    def listed(self) -> Iterator[str]:
        """One line for each reason, the most frequent first."""
        kinds = sorted(self.kinds.items(), key=lambda each: -each[1].count)
        for reason, kind in kinds[:SHOWN]:
            yield f"  {kind.count:,} x {reason}, {kind}" + (f". {kind.fix}" if kind.fix else "")
        if len(kinds) > SHOWN:
            yield f"  and {len(kinds) - SHOWN} more reasons"
