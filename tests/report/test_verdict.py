from typing import Any

import pytest

from rlaif.config import Pipeline
from rlaif.report.charts import range_histogram
from rlaif.report.data import Pairs, Step
from rlaif.report.verdict import next_step, read_verdict, wilson

NOTHING = range_histogram({}, 0, 100, 20)
REPEATS = {"scores": 50, "within": 4.0, "between": 15.0}


def responses(usable: int, failed: int) -> list[Step]:
    parts = [{"part": "usable", "kept": True, "n": usable}, {"part": "timeout", "kept": False, "n": failed}]
    return [Step(3, "responses", "by writer", [part for part in parts if part["n"]])]


def judgements(**counts: int) -> list[Step]:
    parts = [{"part": name.replace("_", " "), "kept": name == "scored", "n": n} for name, n in counts.items()]
    return [Step(4, "responses", "by writer, judged by judge", parts)]


def pairs(longer: int, shorter: int, judges: int = 1) -> Pairs:
    row = {"pairs": longer + shorter, "longer": longer, "shorter": shorter, "judges": judges}
    return Pairs(row, NOTHING, NOTHING)


def tones(funnel: list[Step], made: Pairs | None = None, repeats: Any = None, audit: str | None = None) -> dict[str, str]:
    return {each.topic: each.tone for each in read_verdict(funnel, made, repeats or [], audit)}


@pytest.mark.parametrize(("failed", "tone"), [(0, "good"), (5, "good"), (6, "check")])
def test_more_than_five_in_a_hundred_failed_responses_deserve_a_look(failed: int, tone: str) -> None:
    assert tones(responses(100 - failed, failed)) == {"Are the responses complete?": tone}


def test_responses_that_a_judge_need_not_score_are_not_missing() -> None:
    assert tones(judgements(scored=10, not_asked=90)) == {"Are the judgements complete?": "good"}
    assert tones(judgements(scored=10, malformed=90)) == {"Are the judgements complete?": "check"}


@pytest.mark.parametrize(
    ("repeats", "audit", "tone"),
    [
        ([REPEATS], None, "good"),
        ([REPEATS | {"within": 8.0}], None, "check"),
        ([], None, "open"),
        ([], "audit.html", "good"),
    ],
)
def test_a_judge_is_steady_if_repeats_vary_less_than_responses(repeats: Any, audit: str | None, tone: str) -> None:
    assert tones([], pairs(50, 50), repeats, audit)["Is the judge steady?"] == tone


@pytest.mark.parametrize(
    ("longer", "shorter", "tone"), [(50, 50, "good"), (7, 3, "good"), (700, 300, "check"), (30, 70, "good")]
)
def test_length_is_rewarded_only_if_the_interval_says_so(longer: int, shorter: int, tone: str) -> None:
    assert tones([], pairs(longer, shorter))["Is length rewarded?"] == tone


def test_pairs_without_a_judge_need_no_steady_one() -> None:
    assert "Is the judge steady?" not in tones([], pairs(50, 50, judges=0))


def test_pairs_of_equal_length_say_nothing_about_length() -> None:
    assert "Is length rewarded?" not in tones([], pairs(0, 0))


def test_the_interval_of_a_share_agrees_with_scipy() -> None:
    from scipy.stats import binomtest

    for hits, total in ((0, 5), (7, 10), (500, 1000)):
        expected = binomtest(hits, total).proportion_ci(method="wilson")
        assert wilson(hits, total) == pytest.approx((expected.low, expected.high), abs=1e-4)


@pytest.mark.parametrize(
    ("done", "command"),
    [
        ("", "rlaif plan FILE"),
        ("begun", "rlaif run FILE"),
        ("begun paired", "rlaif train FILE"),
        ("begun paired trained", "rlaif audit FILE"),
        ("begun paired trained audited", "rlaif export FILE data"),
    ],
)
def test_the_next_step_is_the_first_that_is_missing(done: str, command: str) -> None:
    pipeline = Pipeline.model_validate(
        {
            "name": "notes",
            "collect": {"sources": [{"path": "a.jsonl"}]},
            "judges": {"checks": {"rubric": "rubric.yaml"}},
            "train": {"method": "dpo", "model": "small"},
            "models": {"small": {"kind": "transformers", "path": "tiny:writer"}},
        }
    )
    states = {state: state in done.split() for state in ("begun", "paired", "trained", "audited")}
    assert next_step(pipeline, **states) == command
