"""A proposal for a rubric is the whole reply and makes a valid rubric, or it is a failure."""

import json
from typing import Any

import pytest

from rlaif.config.resources import root
from rlaif.config.yaml import read_yaml
from rlaif.core.errors import ModelError
from rlaif.judging.proposal import HIGH, LOW, Improved, improve, parse_proposal
from rlaif.judging.rubric import load_rubric

FILE = root() / "rubrics/grounded.yaml"
ENDS = [{"level": LOW, "meaning": "Rude."}, {"level": HIGH, "meaning": "Kind."}]
TONE = {"name": "tone", "question": "Is it kind?", "levels": ENDS}


def improved(*criteria: Any, rubric: str = "grounded", **more: Any) -> Improved:
    path = root() / f"rubrics/{rubric}.yaml"
    reply = json.dumps({"analysis": "x", "criteria": criteria, **more})
    return improve(read_yaml(path).data, load_rubric(path), parse_proposal(reply))


def test_new_criteria_are_added_and_existing_ones_reworded() -> None:
    found = improved(TONE, TONE | {"name": "completeness", "question": "Is all\nof it\u200b there?"})
    assert (found.added, found.reworded, found.data["version"]) == (["tone"], ["completeness"], 2)
    reworded, added = found.data["criteria"][2:]
    assert (reworded["question"], reworded["levels"]) == ("Is all of it there?", {1: "Rude.", 5: "Kind."})
    assert added == {
        "name": "tone",
        "weight": 1.0,
        "low": 1,
        "high": 5,
        "question": "Is it kind?",
        "levels": {1: "Rude.", 5: "Kind."},
    }
    assert found.data["criteria"][:2] == read_yaml(FILE).data["criteria"][:2]


def test_the_same_wording_is_no_change() -> None:
    old = load_rubric(FILE).criteria[0]
    levels = [{"level": level, "meaning": meaning} for level, meaning in old.levels.items()]  # type: ignore[union-attr]
    found = improved({"name": old.name, "question": old.question, "levels": levels})  # type: ignore[union-attr]
    assert (found.added, found.reworded, found.data) == ([], [], read_yaml(FILE).data)


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ([TONE] * 2, "given twice"),
        ([TONE | {"name": f"tone_{n}"} for n in range(4)], "at most 3"),
        ([TONE | {"name": "Tone"}], "criteria.0.name"),
        ([TONE | {"levels": ENDS[:1]}], "criteria.0.levels"),
        ([TONE | {"levels": [*ENDS, ENDS[0]]}], "described twice"),
        ([TONE | {"levels": [*ENDS, {"level": 6, "meaning": "Saintly."}]}], "from 1 to 5"),
        ([TONE | {"levels": [{"level": "1", "meaning": "Rude."}, ENDS[1]]}], "valid integer"),
        ([TONE | {"question": " "}], "question"),
        ([TONE | {"weight": 100}], "extra"),
        (["tone"], "criteria.0"),
    ],
)
def test_a_proposal_that_makes_no_valid_rubric_is_malformed(criteria: list[Any], message: str) -> None:
    with pytest.raises(ModelError, match=message) as failed:
        improved(*criteria)
    assert failed.value.kind == "malformed"


def test_checks_cannot_be_reworded() -> None:
    with pytest.raises(ModelError, match="of kind check"):
        improved(TONE | {"name": "brief"}, rubric="mechanical")


@pytest.mark.parametrize("reply", ["", "no", "[]", '{"analysis": "x"}', 'So: {"analysis": "x", "criteria": []}'])
def test_a_reply_that_is_more_or_less_than_a_proposal_is_malformed(reply: str) -> None:
    with pytest.raises(ModelError):
        parse_proposal(reply)
