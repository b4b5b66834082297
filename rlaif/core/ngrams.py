"""Runs of consecutive words (n-grams, shingles) of a text that is already split into words."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def ngrams(items: Sequence[Item], n: int) -> Iterator[tuple[Item, ...]]:
    """Yield every run of `n` consecutive items, in order and with repetitions; none if there are fewer than `n` items."""
    return zip(*(items[start:] for start in range(n)), strict=False)
