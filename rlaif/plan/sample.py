"""A sample of what is owed: means over it stand for all."""

from collections.abc import Iterable
from typing import Any, Final

from rlaif.store import Row, Store, sql

# The mean length of a hundred prompts is within a tenth of that of all, for lengths as they commonly scatter.
SAMPLE: Final = 100
# Fewer replies than this say too little about their mean.
ENOUGH: Final = 5


def sample(store: Store, name: str, columns: str, texts: str, by: str, **parameters: Any) -> list[Row]:
    """Some rows of the named query, as if drawn by lot and the same ones each time, each with its texts."""
    query = f"SELECT {columns} FROM ({sql(name)}) ORDER BY hash({columns}) LIMIT {SAMPLE}"
    rows = store.rows(query, **parameters)
    found = {row[by]: row for row in store.query(texts, keys=[row[by] for row in rows])}
    return [found[row[by]] | row for row in rows]


def mean(values: Iterable[float]) -> float:
    """0 of none."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0
