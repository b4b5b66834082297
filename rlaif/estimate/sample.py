"""Samples of pending work, whose means stand for all of it."""

from collections.abc import Iterable
from typing import Any, Final

from rlaif.store.store import Row, Store, sql

# The mean length of a hundred prompts is commonly within a tenth of the mean of all.
SAMPLE: Final = 100
# The mean of fewer replies than this says too little.
ENOUGH: Final = 5


def sample(store: Store, name: str, columns: str, texts: str, by: str, **parameters: Any) -> list[Row]:
    """Up to SAMPLE rows of the named query in an order that looks random but never changes, each with its texts."""
    query = f"SELECT {columns} FROM ({sql(name)}) ORDER BY hash({columns}) LIMIT {SAMPLE}"
    rows = store.rows(query, **parameters)
    found = {row[by]: row for row in store.query(texts, keys=[row[by] for row in rows])}
    return [found[row[by]] | row for row in rows]


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean; 0 of nothing."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
