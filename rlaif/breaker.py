"""Ends a stage in which nearly every unit fails, or all do: what is wrong is no longer the units, and each costs money."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from rlaif.errors import ModelError
from rlaif.stop import STOP

# Units that are looked back on. Where half of all fail, 95 of 100 do so by chance less than once in 10^20 windows; where
# four in five do, still only once in 20,000.
WINDOW: Final = 100
MOST: Final = 95
# A judge that finds nothing to judge has done its work.
NO_FAILURE: Final = "inapplicable"
# Failures that lie in one text, and tell nothing of the next.
OF_THE_UNIT: Final = frozenset({"context_overflow", "oversized", "refused", "inapplicable"})


class Breaker:
    """Looks at what became of a stage's last units."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._last: deque[str | None] = deque(maxlen=WINDOW)
        self._failed = 0
        self._kinds: Counter[str] = Counter()
        self._detail, self._done = "", False

    def heard(self, failure: str | None, detail: str | None = None) -> None:
        """One more unit's failure kind, or None. Raises ModelError `failing` if nearly all of the last have failed."""
        if failure is None or failure == NO_FAILURE:
            self._done = True
        else:
            self._kinds[failure] += 1
            self._detail = detail or failure
        failure = None if failure in OF_THE_UNIT else failure
        if len(self._last) == WINDOW:
            self._failed -= self._last[0] is not None
        self._last.append(failure)
        self._failed += failure is not None
        if failure and self._failed >= MOST:
            raise self._failing(f"{self._failed} of the last {len(self._last)}", Counter(filter(None, self._last)))

    def over(self, before: Callable[[], Sequence[Any]]) -> None:
        """The stage has ended. Raises ModelError `failing` if all of its units have failed, and there is none `before` that
        was done."""
        if self._kinds and not (self._done or STOP.asked or before()):
            raise self._failing(f"all {self._kinds.total()}" if self._kinds.total() > 1 else "the only one", self._kinds)

    def _failing(self, what: str, kinds: Counter[str]) -> ModelError:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return ModelError(
            "failing",
            f"{self._stage}: {what} failed ({counts}): {self._detail}\n"
            "All that was finished is kept. See to the cause and run the same command: it goes on from there; "
            "`rlaif retry` owes again what was given up.",
        )
