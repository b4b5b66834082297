"""The progress of a run: rates, the time that is left, and failures."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

from rlaif.context.run import now
from rlaif.core.errors import InputError
from rlaif.store.store import Row, Store
from rlaif.view.subject import Subject

# A run counts as live if a model has replied within these seconds.
LIVE: Final = 60
# Counting the remaining work takes seconds for a million prompts, so at most this share of the time is spent on it.
SHARE: Final = 0.05


@dataclass(frozen=True)
class Progress:
    """What the models do: `rates` has a row per kind of reply with its number `per_minute`.

    `remaining` counts the replies that are still to come, by kind; `left` is how many seconds they take at this rate. Both
    are empty or None unless a run is live.
    """

    rates: Sequence[Row]
    failures: Sequence[Row]
    remaining: Mapping[str, int]
    left: float | None


class Clock:
    """Measures the progress of one pipeline's runs."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._lock = Lock()
        self._counted: Mapping[str, int] = {}
        self._next = 0.0

    def read(self, store: Store) -> Progress:
        """Return the progress of a run, if one is live, as of now."""
        rates = [row | {"per_minute": _per_minute(row)} for row in store.query("view/sql/rates", now=now())]
        failures = store.query("view/sql/recent_failures", now=now())
        if not any(row["ago"] < LIVE for row in rates):
            return Progress(rates, failures, {}, None)
        remaining = self._remaining(store)
        return Progress(rates, failures, remaining, time_left(rates, remaining))

    def _remaining(self, store: Store) -> Mapping[str, int]:
        with self._lock:
            start = time.monotonic()
            if start >= self._next:
                try:
                    self._counted = self._subject.remaining(store)
                except InputError:
                    # A part of the pipeline file is wrong by now; the run goes on with what it read.
                    self._counted = {}
                end = time.monotonic()
                self._next = end + (end - start) * (1 / SHARE - 1)
            return self._counted


def time_left(rates: Sequence[Row], remaining: Mapping[str, int]) -> float | None:
    """Return the seconds until the remaining replies are there, at the present rates; None if one of them has no rate."""
    per_minute: dict[str, float] = {row["kind"]: row["per_minute"] for row in rates}
    needed = {kind: n for kind, n in remaining.items() if n}
    if not needed or not all(per_minute.get(kind) for kind in needed):
        return None
    return max(60 * n / per_minute[kind] for kind, n in needed.items())


def _per_minute(row: Row) -> float:
    """Return the rate since the first of the replies in the last five minutes."""
    return float(60 * row["recent"] / max(row["span"], 1)) if row["recent"] else 0.0
