"""Comparisons from given rows: who has still to meet whom, and what comparisons come to."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif.core.errors import TRANSIENT
from rlaif.core.types import answer_key
from rlaif.pipeline.pairwise import schedules
from rlaif.store.store import Row, Store
from tests.support.comparisons import BETTER, NAMES, met, won
from tests.support.stores import GENERATOR, JUDGE, context, fill, make_pairs, prompt


def owed(
    folder: Path, rows: Sequence[Row], answers: int = 5, schedule: str = "knock_out", repeats: int = 1, again: int = 0
) -> list[tuple[int, int]]:
    """The pairs of answers that are owed, in the order shown; what failed `again` times or fewer is owed again on demand."""
    criterion = BETTER.model_copy(update={"schedule": schedule})
    with Store(folder / "store.duckdb") as store:
        fill(store, {"p": [{"text": text} for text in [*NAMES[:answers], NAMES[0]]]})
        store.append("comparisons", rows)
        if again:
            store.run(f"INSERT INTO retries SELECT unit, {again} FROM failed_units")
        found = store.query(
            "pipeline/sql/pairwise/pending",
            criteria=schedules([criterion]),
            judge=JUDGE,
            generators=[GENERATOR],
            repeats=repeats,
            attempts=3,
            transient=sorted(TRANSIENT),
            held_out=10_000,
            limit=None,
            samples=None,
            answers=None,
            after=None,
            against=None,
        )
    places = {answer_key(prompt("p").key, text): place for place, text in enumerate(NAMES)}
    pairs = [(places[row["first"]], places[row["second"]]) for row in found]
    assert all(row["pending"] == len(found) for row in found)
    return sorted(pairs)


def both(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
    return sorted([*pairs, *((two, one) for one, two in pairs)])


TIMED_OUT = {"preferred": None, "failure": "timeout"}
OWED: dict[str, tuple[dict[str, Any], list[tuple[int, int]]]] = {
    "each against each": ({"rows": [], "answers": 3, "schedule": "round_robin"}, both((0, 1), (0, 2), (1, 2))),
    "each so many times": ({"rows": [], "answers": 2, "schedule": "round_robin", "repeats": 2}, both((0, 1), (0, 1))),
    "what is there is not owed": ({"rows": won(0, 1), "answers": 3, "schedule": "round_robin"}, both((0, 2), (1, 2))),
    "one order is": ({"rows": [met(0, 1, "tie")], "answers": 2, "schedule": "round_robin"}, [(1, 0)]),
    "a failure that may pass is": (
        {"rows": [met(0, 1, None, failure="timeout")], "answers": 2, "schedule": "round_robin"},
        both((0, 1)),
    ),
    "not for ever": (
        {"rows": [met(0, 1, None, attempt=n, failure="timeout") for n in range(3)], "answers": 2, "schedule": "round_robin"},
        [(1, 0)],
    ),
    "one that stays is not": (
        {"rows": [met(0, 1, None, failure="malformed")], "answers": 2, "schedule": "round_robin"},
        [(1, 0)],
    ),
    "one that stays is, where it was owed again on demand": (
        {"rows": [met(0, 1, None, failure="malformed")], "answers": 2, "schedule": "round_robin", "again": 1},
        both((0, 1)),
    ),
    "one that failed again is not": (
        {
            "rows": [met(0, 1, None, attempt=n, failure="malformed") for n in range(2)],
            "answers": 2,
            "schedule": "round_robin",
            "again": 1,
        },
        [(1, 0)],
    ),
    "one answer meets nobody": ({"rows": [], "answers": 1, "schedule": "round_robin"}, []),
    "a first round": ({"rows": []}, both((0, 1), (2, 3))),
    "a round that is half done": ({"rows": won(1, 0)}, both((2, 3))),
    "winners meet, the odd one goes on": ({"rows": won(1, 0) + won(2, 3)}, both((1, 2))),
    "the last two": ({"rows": won(1, 0) + won(2, 3) + won(1, 2)}, both((1, 4))),
    "all is decided": ({"rows": won(1, 0) + won(2, 3) + won(1, 2) + won(4, 1)}, []),
    "orders that disagree: the first by digest goes on": (
        {"rows": [met(0, 1, "first"), met(1, 0, "first"), *won(3, 2)], "answers": 4},
        both((0, 3)),
    ),
    "probabilities decide what words do not": (
        {"rows": [met(0, 1, "first", probability=0.6), met(1, 0, "first", probability=0.9), *won(3, 2)], "answers": 4},
        both((1, 3)),
    ),
    "one order alone decides nothing": (
        {"rows": [met(1, 0, "first"), met(0, 1, None, failure="refused"), *won(3, 2)], "answers": 4},
        both((0, 3)),
    ),
    "repeats count together": (
        {"rows": [row | {"repeat": n} for n in range(2) for row in won(1, 0) + won(3, 2)], "answers": 4, "repeats": 2},
        both((1, 3), (1, 3)),
    ),
}


@pytest.mark.parametrize(("given", "expected"), OWED.values(), ids=OWED)
def test_the_schedule_selects_the_expected_comparisons(
    given: dict[str, Any], expected: list[tuple[int, int]], tmp_path: Path
) -> None:
    assert owed(tmp_path, **given) == expected


@pytest.mark.parametrize("schedule", ["round_robin", "knock_out"])
def test_in_an_evaluation_only_the_texts_of_two_generators_meet(schedule: str, tmp_path: Path) -> None:
    criteria = schedules([BETTER.model_copy(update={"schedule": schedule})])
    wanted = {
        "criteria": criteria,
        "judge": JUDGE,
        "generators": [GENERATOR, "other"],
        "repeats": 1,
        "attempts": 3,
        "transient": sorted(TRANSIENT),
        "held_out": 10_000,
        "limit": None,
        "samples": None,
        "answers": None,
        "after": None,
        "against": GENERATOR,
    }
    texts = {place: answer_key(prompt("p").key, text) for place, text in enumerate(NAMES)}
    with Store(tmp_path / "store.duckdb") as store:
        # The first text is both generators', the second one's alone, the third and fourth the other's.
        fill(store, {"p": [{"text": text} for text in [*NAMES[:4], NAMES[0]]]})
        store.run("UPDATE responses SET generator = 'other' WHERE sample >= 2")
        store.append("comparisons", [*won(0, 2), *won(2, 3)])
        found = {(row["first"], row["second"]) for row in store.query("pipeline/sql/pairwise/pending", **wanted)}
    assert found == {(texts[one], texts[two]) for one, two in both((0, 1), (0, 3), (1, 2), (1, 3))}


def paired(
    folder: Path, rows: Sequence[Row], answers: int, more: Sequence[str] = (), **section: Any
) -> tuple[list[Row], dict[str, str]]:
    """The pairs by places, with margin and confidence; and each response's outcome."""
    criterion = {"key": BETTER.key, "name": "better", "weight": 1.0, "low": 0, "high": 1, "floor": None}
    with Store(folder / "store.duckdb") as store:
        fill(store, {"p": [{"text": text} for text in NAMES[:answers]]})
        store.append("criteria", [{"key": BETTER.key, "name": "better", "kind": "compare", "low": 0.0, "high": 1.0}])
        store.append("comparisons", rows)
        for change in more:
            store.run(change)
        made = make_pairs(context(store, folder, pair=section), JUDGE, [GENERATOR], [criterion])
        pairs = store.rows(
            "SELECT chosen, rejected, margin, confidence FROM pairs_readable WHERE pairing = $key", key=made.key
        )
        outcomes = {row["text"]: row["outcome"] for row in store.rows("FROM outcomes_readable WHERE response IS NOT NULL")}
    return [row | {side: NAMES.index(row[side]) for side in ("chosen", "rejected")} for row in pairs], outcomes


def lead(won: float, comparisons: float) -> float:
    """The points between two answers, in hundredths, that Bradley and Terry's model gives with a phantom tie for each."""
    low, high = 0.0, 20.0
    for _ in range(60):
        x = (low + high) / 2
        slope = won - comparisons / (1 + math.exp(-2 * x)) + 0.5 - 1 / (1 + math.exp(-x))
        low, high = (x, high) if slope > 0 else (low, x)
    return 100 * (2 / (1 + math.exp(-2 * low)) - 1)


CHANCES = [met(0, 1, "first", probability=0.9), met(1, 0, "second", probability=0.2)]
COMES_TO: dict[str, tuple[list[Row], dict[str, Any], list[tuple[int, int, float, float]]]] = {
    "both orders agree": (won(1, 0), {}, [(1, 0, lead(2, 2), 7 / 8)]),
    "they disagree": ([met(0, 1, "first"), met(1, 0, "first")], {}, []),
    "one is a tie": ([met(0, 1, "first"), met(1, 0, "tie")], {}, [(0, 1, lead(1.5, 2), 11 / 16)]),
    "the judge tells its probabilities": (CHANCES, {}, [(0, 1, lead(1.7, 2), 0.85)]),
    "it is not sure enough": (CHANCES, {"min_confidence": 0.9}, []),
    "votes alone count": ([met(0, 1, "first"), met(1, 0, "tie")], {"strategy": "votes"}, [(0, 1, 50.0, 11 / 16)]),
    "the margin is asked for": (won(1, 0), {"min_margin": 90}, []),
    "one order alone": ([met(0, 1, "first")], {}, []),
    "one order failed": ([met(0, 1, "first"), met(1, 0, None, failure="malformed")], {}, []),
    "an order that failed once": (
        [met(0, 1, "first"), met(1, 0, None, failure="timeout"), met(1, 0, "second", attempt=1)],
        {},
        [(0, 1, lead(2, 2), 7 / 8)],
    ),
    "one that is no response to be paired": ([*won(1, 0), *won(2, 1), *won(2, 0)], {}, [(1, 0, lead(2, 2), 7 / 8)]),
}


@pytest.mark.parametrize(("rows", "section", "expected"), COMES_TO.values(), ids=COMES_TO)
def test_two_answers_make_the_expected_pair(
    rows: list[Row], section: dict[str, Any], expected: list[tuple[int, int, float, float]], tmp_path: Path
) -> None:
    pairs, _ = paired(tmp_path, rows, 2, **section)
    found = [(row["chosen"], row["rejected"], row["margin"], row["confidence"]) for row in pairs]
    assert found == [
        (chosen, rejected, pytest.approx(margin, abs=1e-4), pytest.approx(sure, abs=1e-6))
        for chosen, rejected, margin, sure in expected
    ]


def test_two_that_never_met_are_ordered_by_those_they_met_with_the_standard_errors_as_doubt(tmp_path: Path) -> None:
    ((row,), _) = paired(tmp_path, won(0, 1) + won(1, 2), 3)
    assert (row["chosen"], row["rejected"]) == (0, 2)
    assert 0.5 < row["confidence"] < 1
    assert row["confidence"] != 7 / 8


def test_a_failed_comparison_is_not_a_vote_and_is_counted_for_both_responses(tmp_path: Path) -> None:
    pairs, outcomes = paired(tmp_path, [met(0, 1, None, failure="refused"), met(1, 0, None, failure="refused")], 2)
    assert pairs == []
    assert set(outcomes.values()) == {"not scored: refused"}


@pytest.mark.parametrize("answers", [2, 3, 4, 5])
def test_a_knock_out_of_a_clear_order_ends_with_the_best_and_one_match_per_loser(answers: int, tmp_path: Path) -> None:
    worth = [2, 0, 4, 1, 3][:answers]
    rows: list[Row] = []
    rounds = 0
    while pairs := owed(tmp_path / str(rounds), rows, answers):
        rows += [met(one, two, "first" if worth[one] > worth[two] else "second") for one, two in pairs]
        rounds += 1
    assert len(rows) == 2 * (answers - 1)
    assert rounds == math.ceil(math.log2(answers))
    lost = {row["second" if row["preferred"] == "first" else "first"] for row in rows}
    best = answer_key(prompt("p").key, NAMES[worth.index(max(worth))])
    assert {answer_key(prompt("p").key, text) for text in NAMES[:answers]} - lost == {best}
