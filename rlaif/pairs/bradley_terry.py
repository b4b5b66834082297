"""Strengths from comparisons: the model of Bradley and Terry (1952), fitted to many prompts at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rlaif.core.statistics import logistic, newton
from rlaif.store.store import Row

if TYPE_CHECKING:
    from rlaif.core.statistics import Array

# Strengths are stored with six decimals.
DECIMALS = 6
# Numbers in a matrix over prompts, which bounds memory to some ten megabytes per matrix.
_CELLS = 1_000_000


def strengths(contests: Iterable[Row]) -> Iterator[Row]:
    """Yield each answer's strength as log-odds (`points`): an answer ahead by x beats the other with probability
    1/(1 + exp(-x)).

    `contests` are rows with the `bouts` of one prompt's answers: {one, other, won, comparisons}. `won` is the number of
    comparisons that `one` won; a tie counts half. Every answer also ties once with a phantom of strength 0, so that the
    strength of an answer that always wins stays finite. `score` is the mean probability of beating each other answer,
    `spread` its standard error (from the curvature of the likelihood, phantom included). Other columns are passed through.
    """
    rows = list(contests)
    names = [sorted({name for bout in row["bouts"] for name in (bout["one"], bout["other"])}) for row in rows]
    sizes: dict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(names):
        sizes[len(each)].append(place)
    fitted: dict[int, list[list[float]]] = {}
    for size, places in sizes.items():
        step = max(1, _CELLS // size**2)
        for part in (places[start : start + step] for start in range(0, len(places), step)):
            matrices = _matrices([rows[place]["bouts"] for place in part], [names[place] for place in part])
            fitted |= zip(part, _fit(*matrices).tolist(), strict=True)
    for place, row in enumerate(rows):
        rest = {name: value for name, value in row.items() if name != "bouts"}
        for name, (points, score, spread) in zip(names[place], fitted[place], strict=True):
            yield rest | {"answer": name, "points": points, "score": score, "spread": spread}


def _matrices(bouts: Sequence[Sequence[Row]], names: Sequence[Sequence[str]]) -> tuple["Array", "Array"]:
    """Return two arrays by prompt, row and column: the comparisons that the row's answer won, and all comparisons."""
    import numpy

    won, met = numpy.zeros((2, len(names), len(names[0]), len(names[0])))
    for prompt, (pairs, answers) in enumerate(zip(bouts, names, strict=True)):
        number = {name: place for place, name in enumerate(answers)}
        for bout in pairs:
            one, other = number[bout["one"]], number[bout["other"]]
            won[prompt, one, other] += bout["won"]
            won[prompt, other, one] += bout["comparisons"] - bout["won"]
            met[prompt, one, other] += bout["comparisons"]
            met[prompt, other, one] += bout["comparisons"]
    return won, met


def _fit(won: "Array", met: "Array") -> "Array":
    """Return points, score and spread of each answer of each prompt."""
    import numpy

    size = won.shape[-1]
    diagonal = numpy.arange(size)

    def derivatives(points: "Array") -> tuple["Array", "Array"]:
        wins, alone = logistic(points[..., :, None] - points[..., None, :]), logistic(points)
        gradient = 0.5 - alone + (won - met * wins).sum(axis=-1)
        bend = met * wins * (1 - wins)
        curvature = -bend
        curvature[..., diagonal, diagonal] = bend.sum(axis=-1) + alone * (1 - alone)
        return gradient, curvature

    points = newton(derivatives, numpy.zeros(won.shape[:-1]))
    wins = logistic(points[..., :, None] - points[..., None, :])
    score = (wins.sum(axis=-1) - 0.5) / (size - 1)
    # The derivative of the score by each strength; the delta method gives its variance.
    slopes = -wins * (1 - wins) / (size - 1)
    slopes[..., diagonal, diagonal] = 0.0
    slopes[..., diagonal, diagonal] = -slopes.sum(axis=-1)
    covariance = numpy.linalg.inv(derivatives(points)[1])
    variance = ((slopes @ covariance) * slopes).sum(axis=-1)
    found: Array = numpy.round(numpy.stack([points, score, numpy.sqrt(variance)], axis=-1), DECIMALS)
    return found
