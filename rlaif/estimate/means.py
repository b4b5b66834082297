"""Means that an estimate multiplies pending work by: measured on past work, or assumed from texts and settings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rlaif.context.budget import OUTPUT_SHARE, tokens_of
from rlaif.estimate.types import NOTHING, Range
from rlaif.store.store import Row, Store

# The mean length of a hundred prompts is commonly within a tenth of the mean of all.
SAMPLE: Final = 100
# The mean of fewer past results than this is too imprecise.
ENOUGH: Final = 5
# The length of a reply as a share of `max_tokens` before any was measured: low, expected and high.
OUTPUT_SHARES: Final = (0.05, OUTPUT_SHARE, 1.0)
MAX_TOKENS: Final = "max_tokens"
# A reward model writes no text.
NO_OUTPUT: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Responses that are still to be written, to how many prompts, a sample of those, and the tokens of one response."""

    responses: int = 0
    prompts: int = 0
    rows: Sequence[Row] = ()
    length: Range = NOTHING


def sample(store: Store, pending: str, by: str, texts: str, **parameters: Any) -> list[Row]:
    """Return the texts of up to SAMPLE units of a query, in a selection that is pseudo-random but stable.

    `by` is the column of the query's keys, and `texts` the stage whose query returns their texts.
    """
    selected = f"FROM (SELECT DISTINCT {by} AS key FROM ({pending})) ORDER BY hash(key) LIMIT {SAMPLE}"
    keys = [row["key"] for row in store.rows(selected, **parameters)]
    return store.query(f"pipeline/sql/{texts}/texts", keys=keys) if keys else []


def mean(values: Iterable[float]) -> float:
    """Return the arithmetic mean, or 0 for no values."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def mean_tokens(texts: Iterable[str | None]) -> float:
    """Return the mean number of tokens of texts, from their characters."""
    return mean(map(tokens_of, texts))


def output_tokens(past: Row | None, max_tokens: int) -> tuple[Range, str]:
    """Return the tokens that one unit of work writes, and the source of that number."""
    if past and past["units"] >= ENOUGH:
        return Range(past["low"], past["mean"], past["high"]), f"{past['units']:,} replies"
    return Range(*(max_tokens * share for share in OUTPUT_SHARES)), MAX_TOKENS
