"""Strategies that are Python functions: they choose pairs among the candidates of one prompt at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from rlaif.core.errors import InputError
from rlaif.pairs.sandbox import wrong_pairs
from rlaif.store.store import Row, Store

# Rows of `made` that are written at once.
_BATCH = 4096
_CANDIDATES = """
    SELECT candidates.prompt, candidates.response, points, vetoed, text, generator
    FROM candidates JOIN texts ON texts.response = candidates.response ORDER BY candidates.prompt, points DESC, coin
"""


@dataclass(frozen=True)
class Candidate:
    """A response that may enter pairs. `points` are its weighted scores, from 0 to 100.

    `vetoed` is true for one that can only be rejected: it is below a floor or was cut off.
    """

    text: str
    generator: str
    points: float
    vetoed: bool
    _response: int = field(repr=False)
    _exact: Decimal = field(repr=False)


Choose = Callable[[list[Candidate]], Iterable[tuple[Candidate, Candidate]]]


def run(store: Store, choose: Choose, name: str, values: Mapping[str, Any]) -> None:
    """Fill the temporary table `made` without ties and pairs below the margin. Raises InputError for other objects."""
    store.run("CREATE OR REPLACE TEMP TABLE made (prompt BIGINT, chosen BIGINT, rejected BIGINT, lead DECIMAL(38, 6))")
    rows: list[Row] = []
    for prompt, found in groupby(store.stream_by_file(_CANDIDATES), itemgetter("prompt")):
        candidates = [_candidate(row, values["denominator"]) for row in found]
        rows += [{"prompt": prompt, **row} for row in _chosen(choose, candidates, name, values["threshold"])]
        if len(rows) >= _BATCH:
            store.append("made", rows)
            rows = []
    store.append("made", rows)
    if wrong := wrong_pairs(store):
        raise InputError(wrong, where=f"strategy {name}", fix="Choose no candidate that is vetoed, and no pair twice.")


def _candidate(row: Row, denominator: int) -> Candidate:
    points = float(row["points"]) / denominator * 100 if denominator else float(row["points"])
    return Candidate(row["text"], row["generator"], points, row["vetoed"], row["response"], Decimal(row["points"]))


def _chosen(choose: Choose, candidates: Sequence[Candidate], name: str, threshold: Any) -> Iterator[Row]:
    known = {id(each) for each in candidates}
    for pair in choose(list(candidates)):
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(id(each) in known for each in pair)):
            raise InputError(
                f"the strategy {name} returned something else than pairs of its candidates",
                where="pair.strategy",
                fix="Return tuples (chosen, rejected) of the objects in the list that it gets.",
            )
        chosen, rejected = pair
        lead = chosen._exact - rejected._exact
        if lead > 0 and lead >= Decimal(threshold):
            yield {"chosen": chosen._response, "rejected": rejected._response, "lead": lead}
