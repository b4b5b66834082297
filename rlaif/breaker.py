"""Ends a stage in which nearly every unit fails: what is wrong is no longer the units, and each costs money."""

from collections import Counter, deque
from typing import Final

from rlaif.errors import ModelError

# Units that are looked back on. Where half of all fail, 95 of 100 do so by chance less than once in 10^20 windows; where
# four in five do, still only once in 20,000.
WINDOW: Final = 100
MOST: Final = 95
# Failures that lie in one text, and tell nothing of the next.
OF_THE_UNIT: Final = frozenset({"context_overflow", "oversized", "refused", "inapplicable"})


class Breaker:
    """Looks at what became of a stage's last units."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._last: deque[str | None] = deque(maxlen=WINDOW)
        self._failed = 0

    def heard(self, failure: str | None, detail: str | None = None) -> None:
        """One more unit's failure kind, or None. Raises ModelError `failing` if nearly all of the last have failed."""
        failure = None if failure in OF_THE_UNIT else failure
        if len(self._last) == WINDOW:
            self._failed -= self._last[0] is not None
        self._last.append(failure)
        self._failed += failure is not None
        if failure and self._failed >= MOST:
            kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(filter(None, self._last)).most_common())
            raise ModelError(
                "failing",
                f"{self._stage}: {self._failed} of the last {len(self._last)} failed ({kinds}): {detail or failure}\n"
                "All that was finished is kept. See to the cause and run the same command: it goes on from there; "
                "`rlaif retry` owes again what was given up.",
            )
