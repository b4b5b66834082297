"""Samples of pending work, whose means represent all of it."""

from collections.abc import Iterable
from typing import Any, Final

from rlaif.store.store import Row, Store, sql

# The mean length of a hundred prompts is commonly within a tenth of the mean of all.
SAMPLE: Final = 100
# The mean of fewer replies than this is too imprecise.
ENOUGH: Final = 5


def sample(store: Store, name: str, columns: str, texts: str, by: str, **parameters: Any) -> list[Row]:
    """Return up to SAMPLE rows of the named query, each with its texts, in an order that is pseudo-random but stable."""
    query = f"SELECT {columns} FROM ({sql(name)}) ORDER BY hash({columns}) LIMIT {SAMPLE}"
    rows = store.rows(query, **parameters)
    found = {row[by]: row for row in store.query(texts, keys=[row[by] for row in rows])}
    return [found[row[by]] | row for row in rows]


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean, or 0 for no values."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
