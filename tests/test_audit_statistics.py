"""Every measure against a slow, obvious reference over the pairs and answers themselves."""

import math
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from rlaif.audit import statistics as stats
from rlaif.audit.statistics import Estimate, estimates, share, total

OUTCOMES = st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1])), min_size=1, max_size=40)
POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=40)


def of_pairs(outcomes: list[tuple[int, int]]) -> dict[str, int]:
    return {
        "right": sum(mine * gold > 0 for mine, gold in outcomes),
        "wrong": sum(mine * gold < 0 for mine, gold in outcomes),
        "tied": sum(mine == 0 != gold for mine, gold in outcomes),
        "gold_tied": sum(mine != 0 == gold for mine, gold in outcomes),
        "both_tied": sum(mine == 0 == gold for mine, gold in outcomes),
    }


def of_answers(points: list[tuple[float, float]]) -> dict[str, float]:
    ranks = list(zip(*(reference.rankdata(side) for side in zip(*points, strict=True)), strict=True))
    sums: dict[str, float] = {"answers": len(points)}
    for name, pairs in (("", points), ("rank_", ranks)):
        sums |= {
            f"{name}x": sum(x for x, _ in pairs), f"{name}y": sum(y for _, y in pairs),
            f"{name}xx": sum(x * x for x, _ in pairs), f"{name}yy": sum(y * y for _, y in pairs),
            f"{name}xy": sum(x * y for x, y in pairs),
        }  # fmt: skip
    return sums


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
    assert stats.kappa(of_pairs(outcomes)) == pytest.approx(cohen(both))
    assert stats.alpha_of_orders(of_pairs(outcomes)) == pytest.approx(krippendorff(both))


@given(POINTS)
def test_alpha_of_points_is_krippendorffs_over_all_pairs_of_values(points: list[tuple[float, float]]) -> None:
    assert stats.alpha_of_points(of_answers(points)) == pytest.approx(krippendorff(points))


@given(POINTS)
def test_spearman_is_scipys(points: list[tuple[float, float]]) -> None:
    found = stats.spearman(of_answers(points))
    if any(len(set(side)) == 1 for side in zip(*points, strict=True)):
        assert found is None
    else:
        assert found == pytest.approx(reference.spearmanr(*zip(*points, strict=True)).statistic)


def test_alpha_of_a_small_case_by_hand() -> None:
    # Observed: 4 / 3. Expected: the 15 pairs of 1, 1, 2, 2, 3, 5 differ by 68 in squares.
    points: list[tuple[float, float]] = [(1, 1), (2, 2), (3, 5)]
    assert krippendorff(points) == stats.alpha_of_points(of_answers(points)) == pytest.approx(1 - (4 / 3) / (68 / 15))


def test_an_interval_is_that_of_resampling_whole_prompts() -> None:
    draw = random.Random(7)
    rows = [{"right": sum(draw.random() < 0.7 for _ in range(4)), "all": 4} for _ in range(200)]
    found = estimates(rows, {"share": share(total("right"), total("all"))})["share"]
    of_prompts = [row["right"] / 4 for row in rows]
    error = math.sqrt(reference.tvar(of_prompts) / 200)
    assert found.interval is not None
    assert found.value == pytest.approx(sum(of_prompts) / 200)
    assert found.n == 800
    assert found.interval == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error), abs=0.01)


def test_answers_that_stand_or_fall_together_widen_the_interval() -> None:
    together = [{"right": 4 * (place % 2), "all": 4} for place in range(50)]
    apart = [{"right": place % 2, "all": 1} for place in range(200)]
    measures = {"share": share(total("right"), total("all"))}
    one, two = (estimates(rows, measures)["share"].interval for rows in (together, apart))
    assert one is not None
    assert two is not None
    assert one[1] - one[0] > 1.5 * (two[1] - two[0])


def test_where_there_is_nothing_there_is_no_value_and_where_there_is_one_prompt_no_interval() -> None:
    measures = {"share": share(total("right"), total("all"))}
    assert estimates([], measures)["share"] == Estimate(None, 0)
    assert estimates([{"right": 0, "all": 0}], measures)["share"] == Estimate(None, 0)
    assert estimates([{"right": 1, "all": 2}], measures)["share"] == Estimate(0.5, 2)


def test_the_same_rows_give_the_same_interval() -> None:
    rows = [{"right": place % 3 == 0, "all": 1} for place in range(30)]
    measures = {"share": share(total("right"), total("all"))}
    found = [estimates(rows, measures) for _ in range(3)]
    assert all(one == two for one, two in pairwise(found))
