"""The length-controlled win rate, against values that are computed without it."""

import math
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from rlaif.evaluate import length_controlled
from rlaif.evaluate.length import LEAST, PENALTY, fit, logistic

WIN = st.sampled_from([0.0, 0.5, 1.0, 0.25, 0.9])
SPREAD_OUT = st.lists(st.tuples(WIN, st.integers(-400, 400)), min_size=LEAST, max_size=25).filter(
    lambda rows: len({difference for _, difference in rows}) > 1
)


def published(wins: list[float], differences: list[float]) -> float:
    """The length-controlled win rate of the published formula, by a general optimiser: nothing here is rlaif's but the penalty."""
    y, d = numpy.array(wins), numpy.array(differences, dtype=float)
    x = numpy.tanh(d / numpy.std(d, ddof=1))

    def loss(at: Any) -> float:
        p = numpy.clip(1 / (1 + numpy.exp(-(at[0] + at[1] * x))), 1e-15, 1 - 1e-15)
        return float(-(y * numpy.log(p) + (1 - y) * numpy.log(1 - p)).sum() + PENALTY * (at**2).sum() / 2)

    best = minimize(loss, numpy.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
    return float(1 / (1 + math.exp(-best.x[0])))


@settings(max_examples=40, deadline=None)
@given(SPREAD_OUT)
def test_the_length_controlled_win_rate_is_that_of_the_published_formula(rows: list[tuple[float, int]]) -> None:
    wins, differences = [win for win, _ in rows], [float(difference) for _, difference in rows]
    found = length_controlled(wins, differences)
    assert found is not None
    assert found.win_rate == pytest.approx(published(wins, differences), abs=2e-4)
    low, high = found.interval
    assert 0 <= low <= found.win_rate <= high <= 1


def test_a_small_case_has_the_value_of_a_search_over_a_grid() -> None:
    wins, differences = [1, 1, 1, 0, 0, 1, 0.5, 1, 0, 1], [300.0, 250, 40, -200, -310, -20, 10, 120, 60, -90]
    spread = float(numpy.std(differences, ddof=1))
    lengths = [math.tanh(each / spread) for each in differences]

    def likelihood(skill: float, effect: float) -> float:
        shares = [logistic(skill + effect * length) for length in lengths]
        told = sum(w * math.log(p) + (1 - w) * math.log(1 - p) for w, p in zip(wins, shares, strict=True))
        return told - PENALTY * (skill**2 + effect**2) / 2

    skill, effect = fit(wins, lengths)
    steps = [step / 100 for step in range(-20, 21)]
    assert likelihood(skill, effect) >= max(likelihood(skill + a, effect + b) for a in steps for b in steps)
    found = length_controlled(wins, differences)
    assert found is not None
    assert (found.win_rate, found.effect) == (logistic(skill), effect)


def test_without_differences_in_length_nothing_is_controlled() -> None:
    found = length_controlled([1, 1, 1, 0] * 25, [0.0] * 100)
    assert found is not None
    assert (found.win_rate, found.effect) == (pytest.approx(0.75, abs=1e-3), 0)


@pytest.mark.parametrize(
    ("wins", "differences"),
    [([1.0], [3.0]), ([], []), ([1.0, 0.0] * 5, [5.0] * 10), ([1.0, 0.0, 1.0] * 3, [3.0, 4.0, 5.0] * 3)],
)
def test_what_cannot_tell_length_from_quality_has_no_controlled_win_rate(
    wins: list[float], differences: list[float]
) -> None:
    assert length_controlled(wins, differences) is None


def test_a_side_that_always_wins_has_a_finite_fit() -> None:
    found = length_controlled([1.0] * 20, [float(each) for each in range(-10, 10)])
    assert found is not None
    assert 0.95 < found.win_rate < 1
    swapped = length_controlled([0.0] * 20, [float(each) for each in range(10, -10, -1)])
    assert swapped is not None
    assert swapped.win_rate == pytest.approx(1 - found.win_rate)
