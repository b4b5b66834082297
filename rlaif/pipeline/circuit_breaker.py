"""Stop a stage in which nearly every unit fails: the units are not the cause then, and each attempt costs money."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from rlaif.core.errors import ModelError
from rlaif.core.signals import STOP

# The window of recent units. If half of all units fail, 95 of 100 do so by chance in fewer than one of 10^20 windows; if
# four in five fail, in only one of 20,000.
WINDOW: Final = 100
MOST: Final = 95
# A criterion that does not apply to a response is a result, not a failure.
NO_FAILURE: Final = "inapplicable"
# Queries for earlier successes, as `finish` needs them.
VERDICT: Final = "SELECT key FROM verdicts WHERE judge = $judge AND failure IS NULL LIMIT 1"
RESPONSE: Final = "SELECT key FROM responses WHERE generator = $generator AND failure IS NULL LIMIT 1"
# Failures that are due to one text and do not predict the next.
OF_THE_UNIT: Final = frozenset({"context_overflow", "oversized", "refused", "inapplicable"})


class CircuitBreaker:
    """Watches the outcomes of a stage's most recent units."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._last: deque[str | None] = deque(maxlen=WINDOW)
        self._failed = 0
        self._kinds: Counter[str] = Counter()
        self._detail, self._done = "", False

    def record(self, failure: str | None, detail: str | None = None) -> None:
        """Record one unit's failure kind, or None. Raises ModelError `failing` if nearly all of the recent units failed."""
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

    def finish(self, before: Callable[[], Sequence[Any]]) -> None:
        """End the stage. Raises ModelError `failing` if all of its units failed and no unit succeeded `before`."""
        if self._kinds and not (self._done or STOP.requested or before()):
            raise self._failing(f"all {self._kinds.total()}" if self._kinds.total() > 1 else "the only one", self._kinds)

    def _failing(self, what: str, kinds: Counter[str]) -> ModelError:
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return ModelError(
            "failing",
            f"{self._stage}: {what} failed ({counts}): {self._detail}\n"
            "Everything that was finished is stored. Fix the cause and run the same command: it continues from there. "
            "`rlaif retry` makes items pending again that have used up their attempts.",
        )
