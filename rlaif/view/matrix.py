"""The scores of one prompt's responses: criteria by judge against responses, with weighted totals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rlaif.store.store import Row, Store


@dataclass(frozen=True)
class Line:
    """One criterion of a judge. `scores` has a row per response, None without a judgement; `weight` is None if not used."""

    criterion: str
    weight: float | None
    scores: Sequence[Row | None]


@dataclass(frozen=True)
class Block:
    """One judge: its criteria, and per response the weighted mean in hundredths, None if a score is missing."""

    judge: str
    lines: Sequence[Line]
    totals: Sequence[float | None]


def read_matrix(store: Store, pairing: str, answers: Sequence[str | None], names: Mapping[str, str]) -> list[Block]:
    """Return a block per judge for the answers of responses, in this order. `names` holds the names of judges by key."""
    rows = store.query("view/sql/prompt_scores", pairing=pairing, answers=[each for each in answers if each])
    return [_block(names.get(key, key), list(group), answers) for key, group in groupby(rows, key=lambda row: row["judge"])]


def _block(judge: str, rows: Sequence[Row], answers: Sequence[str | None]) -> Block:
    names = dict.fromkeys((row["criterion"], row["low"], row["high"]) for row in rows)
    lines = []
    for criterion, low, high in names:
        mine = [row for row in rows if (row["criterion"], row["low"], row["high"]) == (criterion, low, high)]
        # Of versions of one criterion, the one in use comes last and wins.
        scores = {row["answer"]: row for row in sorted(mine, key=lambda row: bool(row["current"]))}
        weight = next((row["weight"] for row in mine if row["weight"] is not None), None)
        lines.append(Line(criterion, weight, [scores.get(answer) if answer else None for answer in answers]))
    return Block(judge, lines, [_total(lines, place) for place in range(len(answers))])


def _total(lines: Sequence[Line], place: int) -> float | None:
    """Return the weighted mean of one response's scores; criteria without any weight count equally if no line has one."""
    weighed = any(line.weight for line in lines)
    used = [(line.weight if weighed else 1.0, line.scores[place]) for line in lines if line.weight or not weighed]
    if not used or any(row is None or row["score"] is None for _, row in used):
        return None
    parts = [(weight or 0.0, _percent(row)) for weight, row in used if row is not None]
    return sum(weight * percent for weight, percent in parts) / sum(weight for weight, _ in parts)


def _percent(row: Row) -> float:
    return float(100 * (row["score"] - row["low"]) / (row["high"] - row["low"]))
