"""Strengths from comparisons: the model of Bradley and Terry (1952), fitted by Hunter's algorithm (2004)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from math import log

from rlaif.store import Row

# The fit ends when no strength moves by a larger part: far below the six decimals that are kept.
_STILL = 1e-10
# A bound that only long chains of hardly compared answers come near.
_ROUNDS = 10_000


def strengths(contests: Iterable[Row]) -> Iterator[Row]:
    """Each answer's strength as log-odds (`points`): one with a lead of x beats the other with probability 1/(1 + exp(-x)).

    `contests` are rows of prompt, answer, other, halves (2 a comparison won, 1 a tie) and comparisons, by prompt, each
    two answers in both directions. Every answer also ties once with a phantom of strength 0, so that one that always wins
    stays finite.
    """
    for _, rows in groupby(contests, key=lambda row: row["prompt"]):
        for answer, strength in _fit(list(rows)).items():
            yield {"answer": answer, "points": round(log(strength), 6)}


def _fit(contests: list[Row]) -> dict[str, float]:
    # Half a win and one comparison are the phantom's.
    won: dict[str, float] = defaultdict(lambda: 0.5)
    rivals: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in contests:
        won[row["answer"]] += row["halves"] / 2
        rivals[row["answer"]].append((row["other"], row["comparisons"]))
    strength = dict.fromkeys(rivals, 1.0)
    for _ in range(_ROUNDS):
        moved = {
            answer: won[answer] / (sum(n / (mine + strength[other]) for other, n in rivals[answer]) + 1 / (mine + 1))
            for answer, mine in strength.items()
        }
        still = all(abs(moved[answer] - mine) < _STILL * mine for answer, mine in strength.items())
        strength = moved
        if still:
            break
    return strength
