"""Measure the length-controlled win rate against the values that AlpacaEval published, for all models and for some of them.

python -m benchmarks.length_control              29 models, and 40 random groups of each size
python -m benchmarks.length_control --groups 5   fewer groups

Reads ../shared/data/alpaca_eval_lengths.jsonl. Limits for all models: a mean absolute error of 3.0 points, a rank
correlation above that of the raw rates, and 80 % of the intervals contain the published value.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy
from scipy.stats import spearmanr

from rlaif.evaluation.length_control import APART, LengthControlled, Outcome, length_controlled

PUBLISHED = Path(__file__).parents[2] / "shared/data/alpaca_eval_lengths.jsonl"
SIZES = (1, 2, 3, 4, 5, 8, 10, 15, 20)


def published() -> tuple[list[Outcome], numpy.ndarray, numpy.ndarray]:
    """Return AlpacaEval's models against their base, with raw and published length-controlled win rates in percent.

    Rows have no prompt's name; a model that lacks some prompts is aligned by the lengths of the base's responses.
    """
    with PUBLISHED.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    base = max((row["length_baseline"] for row in rows), key=len)
    outcomes = []
    for row in rows:
        wins, mine, theirs, place = {}, {}, {}, 0
        for preference, length, length_base in zip(
            row["preference"], row["length_model"], row["length_baseline"], strict=True
        ):
            while base[place] != length_base:
                place += 1
            if preference is not None and length is not None:
                wins[str(place)], mine[str(place)], theirs[str(place)] = preference - 1, float(length), float(length_base)
            place += 1
        outcomes.append(Outcome(wins, mine, theirs))
    figures = (numpy.array([row[name] for row in rows]) for name in ("published_win_rate", "published_length_controlled"))
    return outcomes, *figures


def is_far(outcome: Outcome) -> bool:
    """Return whether a model's mean length is further from the base's than a single model may be."""
    low, high = sorted(sum(lengths.values()) for lengths in (outcome.lengths, outcome.base_lengths))
    return high > APART * low


class Errors:
    """The errors of many fits, in points, and how many intervals contain the published value."""

    def __init__(self, outcomes: Sequence[Outcome], expected: numpy.ndarray) -> None:
        self.outcomes, self.expected = outcomes, expected
        self.errors: list[float] = []
        self.covered: list[bool] = []
        self.refused = 0

    def add(self, group: Sequence[int]) -> list[LengthControlled | str]:
        """Fit a group of models together."""
        found = length_controlled([self.outcomes[place] for place in group])
        for place, each in zip(group, found, strict=True):
            if isinstance(each, str):
                self.refused += 1
                continue
            self.errors.append(100 * each.win_rate - self.expected[place])
            self.covered.append(100 * each.interval[0] <= self.expected[place] <= 100 * each.interval[1])
        return found

    def row(self, label: str) -> str:
        """Return the line of the table."""
        if not self.errors:
            return f"{label:34} {0:7,} {self.refused:8,}"
        sizes = numpy.abs(self.errors)
        figures = f"{sizes.mean():10.2f} {sizes.max():7.1f} {numpy.mean(self.errors):+6.2f} {numpy.mean(self.covered):8.0%}"
        return f"{label:34} {len(self.errors):7,} {self.refused:8,} {figures}"


def main() -> int:
    """Print the table; return 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--groups", type=int, default=40)
    groups = parser.parse_args().groups
    outcomes, raw, expected = published()
    far = [place for place, each in enumerate(outcomes) if is_far(each)]
    near = [place for place, each in enumerate(outcomes) if not is_far(each)]
    print(f"{'models':34} {'values':>7} {'refused':>8} {'mean error':>10} {'largest':>7} {'bias':>6} {'covered':>8}")
    whole = Errors(outcomes, expected)
    rates = [each.win_rate for each in whole.add(range(len(outcomes))) if isinstance(each, LengthControlled)]
    print(whole.row(f"all {len(outcomes)}"))
    draw = numpy.random.default_rng(0)
    for size in SIZES:
        for close in (False, True):
            some = Errors(outcomes, expected)
            for _ in range(groups):
                anchors = draw.choice(near, 1) if close else []
                some.add([*anchors, *draw.choice(far, size - len(anchors), replace=False)])
            print(some.row(f"{size}, {'one' if close else 'none'} about as long as the base"))
    ours, plain = (spearmanr(each, expected).statistic for each in (rates, raw))
    error, covered = numpy.abs(whole.errors).mean(), numpy.mean(whole.covered)
    print(f"rank correlation with the published values: {ours:.3f}, of the raw rates {plain:.3f}")
    return int(error > 3.0 or covered < 0.8 or ours <= plain)


if __name__ == "__main__":
    sys.exit(main())
