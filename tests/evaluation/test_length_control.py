"""The length-controlled win rate, against values that are computed without it and against published ones."""

import math
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import spearmanr

from benchmarks.length_control import PUBLISHED, is_far, published
from rlaif.context.run import HeldOut
from rlaif.evaluation import Contest, read
from rlaif.evaluation.comparison import matches
from rlaif.evaluation.length_control import LEAST, PENALTY, LengthControlled, Outcome, length_controlled
from rlaif.evaluation.table import notes
from rlaif.evaluation.types import Evaluation
from rlaif.store.store import Store
from tests.support.evaluation_rows import ask, respond, score

WIN = st.sampled_from([0.0, 0.5, 1.0, 0.25, 0.9])
SPREAD_OUT = st.lists(st.tuples(WIN, st.integers(-400, 400)), min_size=LEAST, max_size=25).filter(
    lambda rows: len({difference for _, difference in rows}) > 1
)


def outcome(wins: Any, differences: Any, base: float = 4000.0) -> Outcome:
    prompts = [f"p{place}" for place in range(len(wins))]
    lengths = {prompt: base + difference for prompt, difference in zip(prompts, differences, strict=True)}
    return Outcome(dict(zip(prompts, map(float, wins), strict=True)), lengths, dict.fromkeys(prompts, base))


def alone(wins: Any, differences: Any) -> LengthControlled:
    (found,) = length_controlled([outcome(wins, differences)])
    assert isinstance(found, LengthControlled)
    return found


def searched(wins: list[float], differences: list[float]) -> float:
    """The published formula without difficulties, by a general optimiser: nothing here is rlaif's but the penalty."""
    y, d = numpy.array(wins), numpy.array(differences, dtype=float)
    x = numpy.tanh(d / numpy.std(d, ddof=1))

    def loss(at: Any) -> float:
        p = numpy.clip(1 / (1 + numpy.exp(-(at[0] + at[1] * x))), 1e-15, 1 - 1e-15)
        return float(-(y * numpy.log(p) + (1 - y) * numpy.log(1 - p)).sum() + PENALTY * (at**2).sum() / 2)

    best = minimize(loss, numpy.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})
    return float(1 / (1 + math.exp(-best.x[0])))


@settings(max_examples=40, deadline=None)
@given(SPREAD_OUT)
def test_one_models_win_rate_is_that_of_the_published_formula_without_difficulties(rows: list[tuple[float, int]]) -> None:
    wins, differences = [win for win, _ in rows], [float(difference) for _, difference in rows]
    found = alone(wins, differences)
    assert found.win_rate == pytest.approx(searched(wins, differences), abs=2e-4)
    low, high = found.interval
    assert 0 <= low <= found.win_rate <= high <= 1


def test_without_differences_in_length_the_win_rate_stays_as_it_is() -> None:
    found = alone([1, 1, 1, 0] * 25, [0.0] * 100)
    assert (found.win_rate, found.effect) == (pytest.approx(0.75, abs=1e-3), 0)
    # Of a share without anything to control for, the interval is the plain one.
    assert found.interval == pytest.approx((0.66, 0.83), abs=0.02)


@pytest.mark.parametrize(
    ("wins", "differences", "why"),
    [
        ([1.0], [3.0], "fewer than 10 prompts"),
        ([], [], "fewer than 10 prompts"),
        ([1.0, 0.0] * 5, [5.0] * 10, "all responses differ by the same length"),
        ([1.0, 0.0, 1.0] * 3, [3.0, 4.0, 5.0] * 3, "fewer than 10 prompts"),
        ([1.0, 0.0] * 10, [-2000.0, -2400.0] * 10, "its responses are 2.2 times shorter"),
        ([1.0, 0.0] * 10, [2900.0, 3100.0] * 10, "its responses are 1.8 times longer"),
    ],
)
def test_a_win_rate_that_cannot_separate_length_from_quality_has_a_reason_instead(
    wins: list[float], differences: list[float], why: str
) -> None:
    (found,) = length_controlled([outcome(wins, differences)])
    assert isinstance(found, str)
    assert found.startswith(why)


def test_a_model_without_a_win_rate_leaves_those_of_the_others() -> None:
    near, far = outcome([1, 0, 1, 1] * 10, [50.0, -80.0, 20.0, 90.0] * 10), outcome([1, 0] * 20, [-3000.0, -2900.0] * 20)
    found = length_controlled([near, far, near])
    assert found[1] == "its responses are 3.8 times shorter, and fewer than 3 different models are compared"
    assert [type(each) for each in found] == [LengthControlled, str, LengthControlled]
    assert found[0] == found[2]


def test_a_side_that_always_wins_has_a_finite_fit() -> None:
    found = alone([1.0] * 20, [float(each) for each in range(-10, 10)])
    assert 0.95 < found.win_rate < 1
    swapped = alone([0.0] * 20, [float(each) for each in range(10, -10, -1)])
    assert swapped.win_rate == pytest.approx(1 - found.win_rate)


def test_planted_skills_and_lengths_are_recovered_by_fitting_models_together() -> None:
    """Twelve models, some far from the base's length, a judge who likes length, and prompts of unequal difficulty."""
    draw, prompts = numpy.random.default_rng(11), 400
    difficulty = draw.normal(size=prompts)
    skills, shifts = numpy.linspace(-2, 1, 12), draw.choice([-900.0, -500.0, 0.0, 300.0], 12)
    outcomes, truth = [], []
    for skill, shift in zip(skills, shifts, strict=True):
        differences = shift + draw.normal(0, 500, prompts)
        odds = skill + 1.2 * numpy.tanh(differences / differences.std(ddof=1)) + difficulty
        wins = (draw.random(prompts) < 1 / (1 + numpy.exp(-odds))).astype(float)
        outcomes.append(outcome(wins, differences, base=1500.0))
        truth.append(float((1 / (1 + numpy.exp(-skill - difficulty))).mean()))
    found = [each for each in length_controlled(outcomes) if isinstance(each, LengthControlled)]
    assert len(found) == len(truth)
    assert max(abs(each.win_rate - true) for each, true in zip(found, truth, strict=True)) < 0.09
    assert sum(each.interval[0] <= true <= each.interval[1] for each, true in zip(found, truth, strict=True)) >= 9


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the shared data folder is not here")
def test_win_rates_agree_with_those_that_alpaca_eval_published() -> None:
    outcomes, raw, expected = published()
    found = [each for each in length_controlled(outcomes) if isinstance(each, LengthControlled)]
    assert len(found) == len(expected)
    ours = numpy.array([100 * each.win_rate for each in found])
    covered = [100 * e.interval[0] <= value <= 100 * e.interval[1] for e, value in zip(found, expected, strict=True)]
    assert abs(ours - expected).mean() < 1.0
    assert spearmanr(ours, expected).statistic > spearmanr(raw, expected).statistic + 0.02
    assert numpy.mean(covered) >= 0.85
    # Not fitted to these models: four of them do as well, if one of them is about as long as the base.
    far, near = split(outcomes)
    draw = numpy.random.default_rng(1)
    some = [place for _ in range(4) for place in (draw.choice(near), *draw.choice(far, 3, replace=False))]
    alike = [
        each for part in range(0, len(some), 4) for each in length_controlled([outcomes[p] for p in some[part : part + 4]])
    ]
    rates = numpy.array([100 * each.win_rate for each in alike if isinstance(each, LengthControlled)])
    assert len(rates) == len(some)
    assert abs(rates - expected[some]).mean() < 3.0


def split(outcomes: list[Outcome]) -> tuple[list[int], list[int]]:
    """The models whose lengths are far from the base's, and the others."""
    return tuple([p for p, each in enumerate(outcomes) if is_far(each) == far] for far in (True, False))  # type: ignore[return-value]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the shared data folder is not here")
@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (lambda far, near: far[:12], "no compared model has responses about as long as the base model's"),
        (lambda far, near: [*far[:1], *near[:1]], "fewer than 3 different models are compared"),
        (lambda far, near: [far[0]] * 9 + near[:1], "fewer than 3 different models are compared"),
    ],
    ids=["only far ones", "two models", "copies of one"],
)
def test_models_that_cannot_separate_length_from_quality_together_have_a_reason_instead(chosen: Any, why: str) -> None:
    outcomes, _, _ = published()
    far, near = split(outcomes)
    first, *_ = length_controlled([outcomes[place] for place in chosen(far, near)])
    assert isinstance(first, str)
    assert first.endswith(why)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the shared data folder is not here")
def test_a_model_that_differs_only_in_length_has_a_reason_instead_of_a_win_rate() -> None:
    outcomes, _, expected = published()
    found = [length_controlled([each])[0] for each in outcomes]
    near = [place for place, each in enumerate(found) if isinstance(each, LengthControlled)]
    assert len(near) == 3
    assert all("times shorter" in each for each in found if isinstance(each, str))
    for place in near:
        assert 100 * found[place].win_rate == pytest.approx(expected[place], abs=3.0)


def test_models_of_earlier_evaluations_are_fitted_too(tmp_path: Path) -> None:
    only = HeldOut(0.1)
    with Store(tmp_path / "store.duckdb") as store:
        store.append("generators", [{"key": each, "name": each} for each in "BTE"])
        store.append("criteria", [{"key": "faith", "name": "faith", "kind": "scale", "low": 0, "high": 10}])
        for place in range(LEAST):
            ask(store, f"p{place}", position=place)
            for who, words in (("B", 9), ("T", 8 + place % 3), ("E", 7 + place % 4)):
                score(store, respond(store, f"p{place}", who, who + "a" * words), faith=(place * words) % 7)
        rows = store.query("evaluation/sql/other_generators", known=["B", "T"], judge="J", **only.parameters)
        assert [row["generator"] for row in rows] == ["E"]
        now, earlier = (
            [(contest, read(store, contest))] for contest in (Contest("B", "T", "J", only), Contest("B", "E", "J", only))
        )
        alone, together = matches(store, now), matches(store, now, earlier)
    assert [len(alone), len(together)] == [1, 1]
    assert alone[0].length_controlled
    assert together[0].length_controlled
    assert (alone[0].length_controlled.models, together[0].length_controlled.models) == (1, 2)
    assert "fitted with 1 other stored models" in " ".join(notes(Evaluation(matches=together)))
