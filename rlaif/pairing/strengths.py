"""Strengths from comparisons: the model of Bradley and Terry (1952), fitted by Newton's method."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import exp, sqrt

from rlaif.store import Row

# Two answers by number, how many comparisons the first of them won, ties half, and how many there were.
Bout = tuple[int, int, float, int]
Matrix = list[list[float]]
# What is kept has six decimals.
DECIMALS = 6
# The fit ends when no strength moves by more: far below the decimals that are kept.
_STILL = 1e-10
# A longer step may land where the likelihood is flat, and the next one then far away.
_STEP = 1.0
# It takes about six; the bound is for chains of hundreds of answers.
_ROUNDS = 1000
# Few answers give few different outcomes, and a fit takes most of a millisecond.
_REMEMBERED = 65_536


def strengths(contests: Iterable[Row]) -> Iterator[Row]:
    """Each answer's strength as log-odds (`points`): one with a lead of x beats the other with probability 1/(1 + exp(-x)).

    `contests` are rows with the `bouts` of one prompt's answers: {one, other, won, comparisons}, `won` being what the first
    of the two won, ties half. Every answer also ties once with a phantom of strength 0, so that one that always wins stays
    finite. `score` is the mean probability of beating each other answer, `spread` its standard error (from the curvature
    of the likelihood, phantom included). All else in a row is handed on.
    """
    for row in contests:
        names = sorted({name for bout in row["bouts"] for name in (bout["one"], bout["other"])})
        number = {name: place for place, name in enumerate(names)}
        bouts = tuple((number[b["one"]], number[b["other"]], b["won"], b["comparisons"]) for b in row["bouts"])
        rest = {name: value for name, value in row.items() if name != "bouts"}
        for name, (points, score, spread) in zip(names, _fitted(len(names), bouts), strict=True):
            yield rest | {"answer": name, "points": points, "score": score, "spread": spread}


@lru_cache(_REMEMBERED)
def _fitted(size: int, bouts: tuple[Bout, ...]) -> list[tuple[float, float, float]]:
    """Points, score and spread of each of so many answers."""
    points, covariance = _fit(size, bouts)
    found = []
    for mine in range(size):
        odds = [_wins(points[mine] - other) for other in points]
        score = (sum(odds) - odds[mine]) / (size - 1)
        # How the score moves with each strength; its variance is that of a linear form (the delta method).
        slopes = [-wins * (1 - wins) / (size - 1) for wins in odds]
        slopes[mine] = 0.0
        slopes[mine] = -sum(slopes)
        variance = sum(a * _dot(slopes, row) for a, row in zip(slopes, covariance, strict=True))
        found.append((round(points[mine], DECIMALS), round(score, DECIMALS), round(sqrt(variance), DECIMALS)))
    return found


def _fit(size: int, bouts: Sequence[Bout]) -> tuple[list[float], Matrix]:
    """The likeliest strengths, and their covariance: the inverse of the curvature there."""
    points = [0.0] * size
    for _ in range(_ROUNDS):
        slope = [0.5 - _wins(mine) for mine in points]
        curvature = [[0.0] * size for _ in points]
        for place, mine in enumerate(points):
            curvature[place][place] = _wins(mine) * _wins(-mine)
        for one, other, won, comparisons in bouts:
            wins = _wins(points[one] - points[other])
            more, bend = won - comparisons * wins, comparisons * wins * (1 - wins)
            slope[one] += more
            slope[other] -= more
            for a, b in ((one, other), (other, one)):
                curvature[a][a] += bend
                curvature[a][b] -= bend
        steps = [row[0] for row in _solved(curvature, [[each] for each in slope])]
        longest = max(map(abs, steps))
        if longest < _STILL:
            break
        points = [mine + step * min(1.0, _STEP / longest) for mine, step in zip(points, steps, strict=True)]
    return points, _solved(curvature, [[float(place == at) for at in range(size)] for place in range(size)])


def _solved(matrix: Matrix, right: Matrix) -> Matrix:
    """matrix⁻¹ right, by Gauss and Jordan; no pivot is small, because each diagonal entry outweighs the rest of its row."""
    rows = [[*row, *more] for row, more in zip(matrix, right, strict=True)]
    # What is left of a pivot's column is not needed any more, so it is not kept.
    for place in range(len(matrix)):
        pivot, *above = rows[place]
        above = [value / pivot for value in above]
        for at, row in enumerate(rows):
            factor = row[0]
            rows[at] = above if at == place else [value - factor * each for value, each in zip(row[1:], above, strict=True)]
    return rows


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _wins(lead: float) -> float:
    return 1 / (1 + exp(-lead))
