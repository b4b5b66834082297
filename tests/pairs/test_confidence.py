"""How sure a pair is: given scores, spreads, repeats, comparisons and other judges, expected probabilities; and truths."""

import json
from collections.abc import Mapping, Sequence
from itertools import permutations
from math import erf, exp, log, sqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.types import answer_key, key
from rlaif.pairs.bradley_terry import strengths
from rlaif.pairs.weights import PairJudge
from rlaif.store.store import Row, Store
from tests.support.paths import ROOT, SHARED
from tests.support.stores import GENERATOR, JUDGE, append_criteria, context, criteria, fill, make_pairs, prompt

WITH_DATA = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")
RANGES = {"help": (1.0, 5.0), "faith": (1.0, 5.0)}
Votes = Sequence[tuple[str, str, str, str]]  # judge, first, second, preferred


def pairs(
    folder: Path,
    answers: list[dict[str, Any]],
    changes: Sequence[str] = (),
    votes: Votes = (),
    agree: Sequence[str] = (),
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    judge: str = JUDGE,
    **section: Any,
) -> tuple[list[Row], Any]:
    """The pairs of one prompt's answers, once `changes` to the store are made; and the pairing."""
    with Store(folder / "store.duckdb") as store:
        fill(store, {"p": answers})
        append_criteria(store, ranges)
        vote(store, votes)
        for change in changes:
            store.run(change)
        made = make_pairs(
            context(store, folder, pair=section), judge, [GENERATOR], criteria(ranges) if judge == JUDGE else None, agree
        )
        return store.rows("FROM pairs_readable WHERE pairing = $pairing", pairing=made.key), made


def vote(store: Store, votes: Votes) -> None:
    asked = prompt("p").key
    store.append(
        "comparisons",
        [
            {
                "prompt": asked,
                "judge": judge,
                "criterion": "overall",
                "preferred": preferred,
                "first": answer_key(asked, first),
                "second": answer_key(asked, second),
            }
            for judge, first, second, preferred in votes
        ],
    )


def again(value: float, criterion: str = "help", text: str = "a", judge: str = JUDGE) -> str:
    """A further judgement of an answer, as a statement."""
    answer = answer_key(prompt("p").key, text)
    return (
        f"INSERT INTO scores BY NAME SELECT '{answer}' AS answer, '{judge}' AS judge, '{key('criterion', criterion)}' AS criterion, "
        f"1 AS repeat, 0 AS attempt, {value} AS value"
    )


def normal(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


A, B = {"text": "a", "help": 4, "faith": 3}, {"text": "b", "help": 2, "faith": 3}
# Of a lead of 2 steps of 8; a spread of one step is an eighth of the scale.
CASES: dict[str, tuple[dict[str, Any], float | None]] = {
    "nothing is known": ({}, None),
    "spreads of every score": ({"changes": ["UPDATE scores SET spread = 1"]}, normal(2 / sqrt(4))),
    "a spread of zero on one side": (
        {"changes": [f"UPDATE scores SET spread = if(answer = '{answer_key(prompt('p').key, 'a')}', 1, 0)"]},
        normal(2 / sqrt(2)),
    ),
    "spreads of zero tell nothing": ({"changes": ["UPDATE scores SET spread = 0"]}, None),
    "one criterion without a spread": (
        {"changes": [f"UPDATE scores SET spread = 1 WHERE criterion = '{key('criterion', 'help')}'"]},
        None,
    ),
    "repeats that differ": (
        # Means 4 and 2 each; the repeats' standard errors are 1, 0.5, 1 and 0.5.
        {
            "changes": [
                "UPDATE scores SET value = value - 1 WHERE value IN (2, 4)",
                f"UPDATE scores SET value = 2.5 WHERE value = 3 AND criterion = '{key('criterion', 'faith')}'",
                again(5),
                again(3, text="b"),
                again(3.5, "faith"),
                again(3.5, "faith", "b"),
            ]
        },
        normal(2 / sqrt(2 * (1 + 0.25))),
    ),
    "repeats that agree tell nothing": (
        {"changes": [again(4), again(2, text="b"), again(3, "faith"), again(3, "faith", "b")]},
        None,
    ),
    "another judge agrees": ({"votes": [("x", "a", "b", "first")], "agree": ["x"]}, 7 / 8),
    "another judge says the opposite": ({"votes": [("x", "b", "a", "first")], "agree": ["x"]}, 1 / 2),
    "another judge sees a tie": ({"votes": [("x", "b", "a", "tie")], "agree": ["x"]}, 11 / 16),
    "another judge agrees in both orders": (
        {"votes": [("x", "a", "b", "first"), ("x", "b", "a", "second")], "agree": ["x"]},
        7 / 8,
    ),
    "another judge has compared them in one order only": (
        {"votes": [("x", "a", "b", "first")], "changes": ["UPDATE comparisons SET verdict = 'v'"], "agree": ["x"]},
        None,
    ),
    "another judge has compared them in both": (
        {
            "votes": [("x", "a", "b", "first"), ("x", "b", "a", "second")],
            "changes": ["UPDATE comparisons SET verdict = 'v'"],
            "agree": ["x"],
        },
        7 / 8,
    ),
    "another judge has not seen them": ({"agree": ["x"]}, None),
    "another judge is there but not asked": ({"votes": [("x", "a", "b", "first")]}, None),
    "another judge's scores agree": (
        {"changes": [again(5, judge="x"), again(4, text="b", judge="x")], "agree": ["x"]},
        7 / 8,
    ),
    "another judge's expected value is not held against a plain one": (
        {
            "changes": [
                again(4, judge="x"),
                again(4, text="b", judge="x"),
                f"UPDATE scores SET expected = 4.4 WHERE judge = 'x' AND answer = '{answer_key(prompt('p').key, 'a')}'",
            ],
            "agree": ["x"],
        },
        11 / 16,
    ),
    "others' votes go before spreads": (
        {"changes": ["UPDATE scores SET spread = 1"], "votes": [("x", "b", "a", "first")], "agree": ["x"]},
        1 / 2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_confidence_by_case(name: str, tmp_path: Path) -> None:
    given, expected = CASES[name]
    ((row,), _) = pairs(tmp_path, [A, B], **given)
    assert row["chosen"] == "a"
    assert row["confidence"] == (None if expected is None else pytest.approx(expected, abs=3e-4))


AGREEING: dict[str, tuple[Votes, dict[str, Any], int, str]] = {
    "two of three against it": ([("x", "b", "a", "first"), ("y", "b", "a", "first")], {}, 0, "more likely wrong than right"),
    "one of two against it": ([("x", "b", "a", "first")], {}, 1, "paired"),
    "one against it and one tie": ([("x", "b", "a", "first"), ("y", "b", "a", "tie")], {}, 1, "paired"),
    "two against it and one for it": (
        [("x", "b", "a", "first"), ("y", "b", "a", "first"), ("z", "a", "b", "first")],
        {},
        1,
        "paired",
    ),
    "two ties": ([("x", "b", "a", "tie"), ("y", "b", "a", "tie")], {}, 1, "paired"),
    "a lower bound that was asked for": (
        [("x", "b", "a", "first"), ("y", "b", "a", "first")],
        {"min_confidence": 0.3},
        1,
        "paired",
    ),
    "a higher one": ([("x", "b", "a", "first")], {"min_confidence": 0.6}, 0, "below the confidence"),
}


@pytest.mark.parametrize("name", AGREEING)
def test_agreeing_judges_drop_pairs_that_are_more_likely_wrong_than_right(name: str, tmp_path: Path) -> None:
    votes, section, count, outcome = AGREEING[name]
    found, made = pairs(tmp_path, [A, B], votes=votes, agree=["x", "y", "z"], **section)
    assert (len(found), made.outcomes) == (count, {outcome: 1})


# Votes of several people on two answers, for each strategy: whether they make a pair.
PEOPLE: dict[str, tuple[str, bool]] = {
    "one vote": ("1", True),
    "one tie": ("t", False),
    "two of three for a tie": ("1tt", False),
    "two of three for the first": ("11t", True),
    "one vote and a tie": ("1t", True),
    "one each": ("12", False),
    "one each and a tie": ("12t", False),
    "two to one and two ties": ("112tt", True),
    "two to one and three ties": ("112ttt", False),
    "three to two": ("11122", True),
    "three ties of five": ("11ttt", False),
}


@pytest.mark.parametrize("strategy", ["votes", "best_vs_worst", "all_above_margin"])
@pytest.mark.parametrize("name", PEOPLE)
def test_the_majority_of_several_peoples_votes_makes_a_pair(name: str, strategy: str, tmp_path: Path) -> None:
    said, makes = PEOPLE[name]
    words = {"1": "first", "2": "second", "t": "tie"}
    votes = [
        ("people", "a", "b", words[each])
        if place % 2
        else ("people", "b", "a", {"first": "second", "second": "first", "tie": "tie"}[words[each]])
        for place, each in enumerate(said)
    ]
    found, made = pairs(tmp_path, [{"text": "a"}, {"text": "b"}], votes=votes, judge="people", strategy=strategy)
    assert [row["chosen"] for row in found] == ["a"] * makes
    if makes:
        assert found[0]["confidence"] > 0.5
    elif strategy != "votes":
        assert made.outcomes == {"tied": 1}


def test_a_programs_score_is_exact_and_needs_no_spread(tmp_path: Path) -> None:
    answers = [{"text": "a", "help": 4, "exact": 1}, {"text": "b", "help": 3, "exact": 1}]
    changes = [f"UPDATE scores SET spread = 1 WHERE criterion = '{key('criterion', 'help')}'"]
    ((row,), _) = pairs(tmp_path, answers, changes, ranges={"help": (1.0, 5.0), "exact": (0.0, 1.0)})
    assert row["confidence"] == pytest.approx(normal(1 / sqrt(2)), abs=3e-4)


VOTED: dict[str, tuple[list[tuple[str, str, str]], float | None]] = {
    "one order": ([("a", "b", "first")], 3 / 4),
    "both orders": ([("a", "b", "first"), ("b", "a", "second")], 7 / 8),
    "one order and a tie": ([("a", "b", "first"), ("b", "a", "tie")], 11 / 16),
    "three to one": ([("a", "b", "first")] * 3 + [("b", "a", "first")], 26 / 32),
    "forty to none": ([("a", "b", "first")] * 40, 1 - 1 / 2**41),
}


@pytest.mark.parametrize("name", VOTED)
def test_comparisons_make_confidence_by_count(name: str, tmp_path: Path) -> None:
    labeling_tasks, expected = VOTED[name]
    ((row,), _) = pairs(tmp_path, [{"text": "a"}, {"text": "b"}], votes=[("x", *each) for each in labeling_tasks], judge="x")
    assert (row["chosen"], row["margin"]) == ("a", None)
    assert row["confidence"] == pytest.approx(expected, abs=2e-6)


def test_the_sum_is_the_posteriors_mass_above_one_half(tmp_path: Path) -> None:
    import numpy
    import scipy.stats

    with Store(tmp_path / "store.duckdb") as store:
        store.run("CREATE TEMP TABLE made (chosen BIGINT, rejected BIGINT)")
        store.execute("pairs/sql/pair_votes")
        rows = store.rows("SELECT won, lost, sided(won, lost) AS p FROM range(70) AS a(won), range(70) AS b(lost)")
    won, lost, found = ([float(row[name]) for row in rows] for name in ("won", "lost", "p"))
    assert len(found) == 70 * 70
    expected = 1 - scipy.stats.beta.cdf(0.5, numpy.array(won) + 1, numpy.array(lost) + 1)
    assert found == pytest.approx(expected, abs=2e-6)


def test_pairs_below_the_confidence_are_left_out_and_counted(tmp_path: Path) -> None:
    answers = [{"text": text} for text in "abc"]
    votes = [("x", "a", "b", "first"), ("x", "b", "a", "second"), ("x", "b", "c", "first")]
    rows, made = pairs(tmp_path, answers, votes=votes, judge="x", strategy="votes", per_prompt=9, min_confidence=0.8)
    assert [(row["chosen"], row["rejected"], row["confidence"]) for row in rows] == [("a", "b", 0.875)]
    with Store(tmp_path / "store.duckdb") as store:
        outcomes = {row["text"]: row["outcome"] for row in store.rows("FROM outcomes_readable")}
    assert outcomes == {None: "paired", "a": "chosen", "b": "rejected", "c": "below the confidence"}
    assert made.outcomes == {"paired": 1}


LEFT_OUT: dict[str, tuple[dict[str, Any], str]] = {
    "too low": ({"changes": ["UPDATE scores SET spread = 3"], "min_confidence": 0.9}, "below the confidence"),
    "not known": ({"min_confidence": 0.5}, "confidence not known"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_prompt_whose_pairs_are_too_unsure_has_that_outcome(name: str, tmp_path: Path) -> None:
    given, outcome = LEFT_OUT[name]
    rows, made = pairs(tmp_path, [A, B], **given)
    assert not rows
    assert made.outcomes == {outcome: 1}


def test_a_margin_of_comparisons_cannot_be_required(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="min_confidence"):
        pairs(tmp_path, [{"text": "a"}, {"text": "b"}], votes=[("x", "a", "b", "first")], judge="x", min_margin=5)


def contest(wins: Mapping[tuple[str, str], float]) -> list[Row]:
    """One prompt's comparisons, from how often the first of two won."""
    return [{"bouts": [{"one": one, "other": other, "won": n, "comparisons": n} for (one, other), n in wins.items()]}]


def test_strengths_maximize_the_likelihood() -> None:
    wins = {("a", "b"): 3, ("b", "a"): 1, ("b", "c"): 2.5, ("c", "b"): 0.5, ("a", "c"): 1, ("d", "a"): 1}
    found = {row["answer"]: row["points"] for row in strengths(contest(wins))}

    def likelihood(points: Mapping[str, float]) -> float:
        phantom = sum(-0.5 * log(1 + exp(-x)) - 0.5 * log(1 + exp(x)) for x in points.values())
        return phantom - sum(n * log(1 + exp(points[two] - points[one])) for (one, two), n in wins.items())

    top = likelihood(found)
    for name in found:
        for step in (-0.001, 0.001):
            assert likelihood(found | {name: found[name] + step}) < top


def test_two_answers_have_the_strengths_and_errors_that_can_be_worked_out_by_hand() -> None:
    """Of 4 comparisons one won 3: with a lead of 2x and the phantom, 3 - 4 s(2x) + 1/2 - s(x) = 0; the errors from the
    curvature, a = 4 s(2x) s(-2x) between them and b = s(x) s(-x) each, so that the lead's variance is 2 / (2a + b)."""
    (one, other) = strengths(contest({("a", "b"): 3, ("b", "a"): 1}))
    x = one["points"]

    def s(lead: float) -> float:
        return 1 / (1 + exp(-lead))

    assert other["points"] == -x
    assert 3 - 4 * s(2 * x) + 0.5 - s(x) == pytest.approx(0, abs=1e-5)
    assert one["score"] == pytest.approx(s(2 * x), abs=1e-5)
    variance = 2 / (2 * 4 * s(2 * x) * s(-2 * x) + s(x) * s(-x))
    assert one["spread"] == other["spread"] == pytest.approx(s(2 * x) * s(-2 * x) * sqrt(variance), abs=1e-5)


@given(st.permutations("abcd"))
def test_strengths_follow_a_clear_order_and_equals_are_equal(order: list[str]) -> None:
    wins = {(order[i], order[j]): 1.0 for i in range(4) for j in range(i + 1, 4)}
    found = {row["answer"]: row["points"] for row in strengths(contest(wins))}
    assert sorted(found, key=found.__getitem__, reverse=True) == order
    even = {tuple(each): 1.0 for each in permutations(order, 2)}
    assert {row["points"] for row in strengths(contest(even))} == {0}  # type: ignore[arg-type]


@WITH_DATA
def test_pairs_of_human_votes_equal_the_votes_and_strengths_nearly_do(tmp_path: Path) -> None:
    data = SHARED / "qa_feedback.jsonl"
    sets = [f"collect.sources.0.path={data}", f"out={tmp_path}"]
    file = ROOT / "pipelines/qa_feedback.yaml"
    with pipeline.open_run(load(file, sets)) as (plan, opened):
        pipeline.collect(opened)
        made = pipeline.make_pairs(plan, opened)
        found = {
            (row["request"], row["chosen"], row["rejected"])
            for row in opened.store.rows("FROM pairs_readable WHERE pairing = $key", key=made.key)
        }
    with data.open(encoding="utf-8") as lines:
        voted = _votes(map(json.loads, lines))
    clear = {each for each in voted if (each[0], each[2], each[1]) not in voted}
    assert found == clear
    with pipeline.open_run(load(file, [*sets, "pair.strategy=best_vs_worst"])) as (plan, opened):
        made = pipeline.make_pairs(plan, opened)
        best = {
            (row["request"], row["chosen"], row["rejected"])
            for row in opened.store.rows("FROM pairs_readable WHERE pairing = $key", key=made.key)
        }
    against = {each for each in best if (each[0], each[2], each[1]) in clear}
    agree = {each for each in best if each in clear}
    print(f"{len(found)} pairs of votes; best_vs_worst: {len(best)}, {len(agree)} voted so, {len(against)} the other way")
    assert len(agree) / len(agree | against) > 0.98


def _votes(rows: Any) -> set[tuple[str, str, str]]:
    """All (question, better, worse) of the file's own codes, of different texts."""
    order = [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    voted = set()
    for row in rows:
        for (one, two), code in zip(order, row["preference"], strict=True):
            texts = row[f"prediction {one}"], row[f"prediction {two}"]
            if code and texts[0] != texts[1]:
                voted.add((row["question"], *(texts if code == 1 else texts[::-1])))
    return voted


CHECK = """
name: gsm8k
out: {out}
collect: {{sources: [{{path: rows.jsonl, columns: {{prompt: question, reference: truth, responses: solutions}}}}]}}
judges: {{exact: {{rubric: exact.yaml}}}}
pair: {{strategy: checks_alone}}
"""
RUBRIC = 'name: exact\ncriteria: [{name: exact, kind: check, function: number, options: {after: "A:"}}]\n'


@WITH_DATA
def test_pairs_of_a_check_have_no_wrong_label(tmp_path: Path) -> None:
    rows, truth = [], {}
    with (SHARED / "gsm8k_solutions.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            solved = [each for each in row.values() if isinstance(each, dict)]
            rows.append(
                {
                    "question": row["question"],
                    "truth": row["ground_truth"],
                    "solutions": [each["solution"] for each in solved],
                }
            )
            truth |= {(row["question"].strip(), each["solution"]): each["is_correct"] for each in solved}
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "exact.yaml").write_text(RUBRIC)
    (tmp_path / "gsm8k.yaml").write_text(CHECK.format(out=tmp_path / "out"))
    with pipeline.open_run(load(tmp_path / "gsm8k.yaml")) as (plan, opened):
        pipeline.collect(opened)
        pipeline.judge(plan, opened)
        pipeline.make_pairs(plan, opened)
        made = opened.store.rows("FROM pairs_readable")
    labels = [(truth[row["request"].strip(), row["chosen"]], truth[row["request"].strip(), row["rejected"]]) for row in made]
    print(f"{len(labels)} pairs")
    assert len(labels) > 300
    assert set(labels) == {(True, False)}


@pytest.mark.parametrize(
    ("texts", "margins"),
    [("ab", [5.0]), ("a", []), ("b", [])],
    ids=["both expected values", "that of one alone", "that of the other alone"],
)
@pytest.mark.parametrize("judges", [JUDGE, [JUDGE, "x"]], ids=["one judge", "two judges"])
def test_an_expected_value_is_never_compared_with_a_plain_one(
    texts: str, margins: list[float], judges: Any, tmp_path: Path
) -> None:
    """Of the same verdict, 4, whose tokens say 4.4 and 4.0, where the reply has their probabilities."""
    helpful, mean = key("criterion", "help"), {"a": 4.4, "b": 4.0}
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"p": [{"text": "a", "help": 4, "faith": 3}, {"text": "b", "help": 4, "faith": 3}]})
        for text in texts:
            answer = answer_key(prompt("p").key, text)
            store.run(f"UPDATE scores SET expected = {mean[text]} WHERE answer = '{answer}' AND criterion = '{helpful}'")
        store.run(f"INSERT INTO scores BY NAME SELECT * REPLACE ('x' AS judge) FROM scores WHERE judge = '{JUDGE}'")
        members = JUDGE if judges == JUDGE else [PairJudge(name, criteria(RANGES), name) for name in judges]
        made = make_pairs(
            context(store, tmp_path, pair={}), members, [GENERATOR], criteria(RANGES) if judges == JUDGE else None
        )
        rows = store.rows("FROM pairs_readable WHERE pairing = $pairing", pairing=made.key)
    assert [row["margin"] for row in rows] == margins
