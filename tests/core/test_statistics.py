"""Every statistic against scipy, a slow obvious reference, or a value computed by hand."""

import math
import random
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference
from scipy.optimize import minimize

from rlaif.core.statistics import (
    BLOCKS,
    Estimate,
    bootstrap,
    estimates,
    logistic,
    mean,
    newton,
    ranks,
    resampled_sums,
    share,
    spearman,
    total,
)
from rlaif.evaluation.audit import coefficients

OUTCOMES = st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1])), min_size=1, max_size=40)
POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=40)
NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=30)
SHARE = {"share": share(total("right"), total("all"))}


def of_pairs(outcomes: list[tuple[int, int]]) -> dict[str, int]:
    return {
        "right": sum(mine * gold > 0 for mine, gold in outcomes),
        "wrong": sum(mine * gold < 0 for mine, gold in outcomes),
        "tied": sum(mine == 0 != gold for mine, gold in outcomes),
        "gold_tied": sum(mine != 0 == gold for mine, gold in outcomes),
        "both_tied": sum(mine == 0 == gold for mine, gold in outcomes),
    }


def of_answers(points: list[tuple[float, float]]) -> dict[str, float]:
    ranked = list(zip(*(reference.rankdata(side) for side in zip(*points, strict=True)), strict=True))
    sums: dict[str, float] = {"answers": len(points)}
    for name, pairs in (("", points), ("rank_", ranked)):
        sums[f"{name}x"] = sum(x for x, _ in pairs)
        sums[f"{name}y"] = sum(y for _, y in pairs)
        sums[f"{name}xx"] = sum(x * x for x, _ in pairs)
        sums[f"{name}yy"] = sum(y * y for _, y in pairs)
        sums[f"{name}xy"] = sum(x * y for x, y in pairs)
    return sums


def measured(measure: Any, sums: dict[str, Any]) -> float | None:
    return estimates([sums], {"it": (measure, lambda sums: numpy.ones(1))})["it"].value


def cohen(rows: list[tuple[int, int]]) -> float | None:
    seen = sum(a == b for a, b in rows) / len(rows)
    first, second = (Counter(side) for side in zip(*rows, strict=True))
    chance = sum(first[label] * second[label] for label in first) / len(rows) ** 2
    return None if chance == 1 else (seen - chance) / (1 - chance)


def krippendorff(rows: list[tuple[float, float]]) -> float | None:
    values = [value for row in rows for value in row]
    seen = sum((a - b) ** 2 for a, b in rows) / len(rows)
    chance = [(a - b) ** 2 for i, a in enumerate(values) for j, b in enumerate(values) if i != j]
    return None if not sum(chance) else 1 - seen / (sum(chance) / len(chance))


@given(OUTCOMES)
def test_kappa_and_alpha_of_orders_are_those_of_pairs_counted_in_both_orders(outcomes: list[tuple[int, int]]) -> None:
    both = outcomes + [(-mine, -gold) for mine, gold in outcomes]
    assert measured(coefficients.kappa, of_pairs(outcomes)) == pytest.approx(cohen(both))
    assert measured(coefficients.alpha_of_orders, of_pairs(outcomes)) == pytest.approx(krippendorff(both))


@given(POINTS)
def test_alpha_of_points_is_krippendorffs_over_all_pairs_of_values(points: list[tuple[float, float]]) -> None:
    assert measured(coefficients.alpha_of_points, of_answers(points)) == pytest.approx(krippendorff(points))


@given(POINTS)
def test_the_rank_correlation_of_sums_is_scipys_spearman(points: list[tuple[float, float]]) -> None:
    found = measured(coefficients.rank_correlation, of_answers(points))
    if any(len(set(side)) == 1 for side in zip(*points, strict=True)):
        assert found is None
    else:
        assert found == pytest.approx(reference.spearmanr(*zip(*points, strict=True)).statistic)


def test_alpha_of_a_small_case_by_hand() -> None:
    # Observed: 4 / 3. Expected: the 15 pairs of 1, 1, 2, 2, 3, 5 differ by 68 in squares.
    points: list[tuple[float, float]] = [(1, 1), (2, 2), (3, 5)]
    found = measured(coefficients.alpha_of_points, of_answers(points))
    assert krippendorff(points) == pytest.approx(found)
    assert found == pytest.approx(1 - (4 / 3) / (68 / 15))


def test_coefficients_without_pairs_or_answers_are_undefined() -> None:
    nothing = dict.fromkeys([*of_pairs([]), *of_answers([(0.0, 0.0)])], 0.0)
    for measure in (
        coefficients.kappa,
        coefficients.alpha_of_orders,
        coefficients.alpha_of_points,
        coefficients.rank_correlation,
    ):
        assert measured(measure, nothing) is None


@given(NUMBERS, st.randoms(use_true_random=False))
def test_spearman_is_scipys(first: list[float], random: Any) -> None:
    second = random.sample(first, len(first))
    ours = spearman(first, second)
    if len(set(first)) == 1:
        assert ours is None
    else:
        assert ours == pytest.approx(reference.spearmanr(first, second).statistic, abs=1e-12)


@given(NUMBERS)
def test_ranks_are_scipys(values: list[float]) -> None:
    assert ranks(values).tolist() == reference.rankdata(values).tolist()


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=40), st.integers(0, 3))
def test_the_interval_surrounds_the_mean_and_is_the_same_each_time(values: list[float], seed: int) -> None:
    found = bootstrap(values, seed=seed, resamples=400)
    assert found is not None
    low, high = found
    middle = mean(values)
    assert middle is not None
    assert min(values) <= low <= middle <= high <= max(values)
    assert bootstrap(values, seed=seed, resamples=400) == (low, high)


@pytest.mark.parametrize("size", [30, 200, 3 * BLOCKS])
def test_the_interval_is_scipys_percentile_bootstrap(size: int) -> None:
    values = numpy.random.default_rng(5).choice([0.0, 0.5, 1.0], size, p=[0.2, 0.2, 0.6])
    theirs = reference.bootstrap(
        (values,), numpy.mean, method="percentile", n_resamples=4000, batch=200, rng=numpy.random.default_rng(1)
    ).confidence_interval
    ours = bootstrap(values.tolist())
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.06 * (theirs.high - theirs.low))


def test_the_interval_is_as_wide_as_the_normal_approximation_says() -> None:
    found = bootstrap([0.0, 1.0] * 100)
    assert found == (pytest.approx(0.5 - 1.96 * 0.5 / 200**0.5, abs=0.01), pytest.approx(0.569, abs=0.01))


def test_a_bootstrap_of_an_evaluation_takes_a_moment() -> None:
    values = [float(place % 3 == 0) for place in range(200)]
    bootstrap(values)
    started = time.process_time()
    for _ in range(10):
        bootstrap(values)
    assert time.process_time() - started < 0.5


def test_nothing_has_no_mean_and_one_value_no_interval() -> None:
    assert (mean([]), bootstrap([]), bootstrap([1.0])) == (None, None, None)


def test_an_interval_is_that_of_resampling_whole_prompts() -> None:
    draw = random.Random(7)
    rows = [{"right": sum(draw.random() < 0.7 for _ in range(4)), "all": 4} for _ in range(200)]
    found = estimates(rows, SHARE)["share"]
    of_prompts = [row["right"] / 4 for row in rows]
    error = math.sqrt(reference.tvar(of_prompts) / 200)
    assert found.interval is not None
    assert found.value == pytest.approx(sum(of_prompts) / 200)
    assert found.n == 800
    assert found.interval == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error), abs=0.01)


def test_answers_that_stand_or_fall_together_widen_the_interval() -> None:
    together = [{"right": 4 * (place % 2), "all": 4} for place in range(50)]
    apart = [{"right": place % 2, "all": 1} for place in range(200)]
    one, two = (estimates(rows, SHARE)["share"].interval for rows in (together, apart))
    assert one is not None
    assert two is not None
    assert one[1] - one[0] > 1.5 * (two[1] - two[0])


def test_no_prompts_give_no_value_and_one_prompt_gives_no_interval() -> None:
    assert estimates([], SHARE)["share"] == Estimate(None, 0)
    assert estimates([{"right": 0, "all": 0}], SHARE)["share"] == Estimate(None, 0)
    assert estimates([{"right": 1, "all": 2}], SHARE)["share"] == Estimate(0.5, 2)


def test_the_same_rows_give_the_same_interval() -> None:
    rows = [{"right": place % 3 == 0, "all": 1} for place in range(30)]
    found = [estimates(rows, SHARE) for _ in range(3)]
    assert all(one == two for one, two in pairwise(found))


def test_many_prompts_are_resampled_in_blocks_of_the_same_spread() -> None:
    table = numpy.random.default_rng(3).normal(size=(5 * BLOCKS, 1))
    drawn = resampled_sums(table)
    assert drawn.std() == pytest.approx(table.std() * math.sqrt(5 * BLOCKS), rel=0.08)
    assert drawn.mean() == pytest.approx(table.sum(), abs=drawn.std() / 10)


def test_newton_finds_what_a_general_optimiser_finds_for_many_problems_at_once() -> None:
    draw = numpy.random.default_rng(2)
    features, wins = draw.normal(size=(5, 40, 3)), draw.integers(0, 2, (5, 40)).astype(float)

    def derivatives(at: Any) -> Any:
        left = wins - logistic((features @ at[..., None])[..., 0])
        weights = logistic((features @ at[..., None])[..., 0]) * (1 - logistic((features @ at[..., None])[..., 0]))
        gradient = (left[..., None] * features).sum(axis=1) - at
        return gradient, features.swapaxes(1, 2) @ (weights[..., None] * features) + numpy.eye(3)

    found = newton(derivatives, numpy.zeros((5, 3)))
    for x, y, at in zip(features, wins, found, strict=True):
        best = minimize(
            lambda b, x=x, y=y: numpy.logaddexp(0, x @ b).sum() - y @ x @ b + b @ b / 2, numpy.zeros(3), tol=1e-10
        )
        assert at == pytest.approx(best.x, abs=1e-5)


def test_the_logistic_function_does_not_overflow() -> None:
    assert logistic(numpy.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
