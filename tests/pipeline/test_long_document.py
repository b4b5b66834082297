"""LongReward's four dimensions through the whole pipeline, by the scripted model: the store is the ledger of every call."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.core.errors import BudgetError
from rlaif.estimate import plan
from rlaif.judging.rubric import load_rubric
from rlaif.store.store import Row, Store
from tests.support.scripted_pipeline import go

PIPELINE = """
name: many
out: OUT
models:
  writer: {kind: scripted, salt: w}
  first: {kind: scripted, salt: a}
judges:
  a: {model: first, rubric: rubric.yaml, calls: apart}
collect:
  sources: [{path: prompts.jsonl, columns: {prompt: prompt, document: document, checklist: checklist}}]
  held_out: 0
generate: {model: writer, samples: 2}
judge: {by: [a]}
pair: {judge: a}
"""
RUBRICS = root() / "rubrics"
# Three pieces of 3000 words, as the rubric has them.
LONG = " ".join(f"Crate {number} came in late." for number in range(1500))
CHECKLIST = [
    {"text": "It names the crates.", "weight": "Essential"},
    {"item": "It invents one.", "weight": "pitfall"},
    "Short.",
]
PROMPTS = 4


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rubric = (RUBRICS / "long_document.yaml").read_text() + "  - {name: items, kind: checklist, weight: 1}\n"
    (tmp_path / "rubric.yaml").write_text(rubric)
    (tmp_path / "many.yaml").write_text(PIPELINE.replace("OUT", str(tmp_path / "out")))
    lines = [{"prompt": f"Sum up {number}.", "document": f"Crates came in {number}."} for number in range(PROMPTS)]
    lines[0]["document"] = LONG
    lines[1] |= {"checklist": CHECKLIST}
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path / "many.yaml"


def rows(file: Path, query: str) -> list[Row]:
    with Store(file.parent / "out/store.duckdb", read_only=True) as store:
        return store.rows(query)


def one(file: Path, query: str) -> Any:
    return rows(file, f"SELECT {query} AS n")[0]["n"]


def ledger(file: Path, answers: int) -> None:
    """What every judgement has cost, in calls: as many as LongReward's, and once a prompt for what all responses share."""
    claims = one(file, "(SELECT count(*) FROM findings JOIN criteria ON criteria.key = criterion AND kind = 'claims')")
    # Key points of three pieces in one document and of one in three; a checklist for all prompts but the one that brings its own.
    noted = (3 + PROMPTS - 1) + (PROMPTS - 1)
    # Helpfulness, logicality, the list of claims, coverage; and the checklist, which is not LongReward's.
    paid = (4 + 1) * answers + claims + noted
    assert one(file, "(SELECT count(*) FROM verdicts)") == 5 * answers
    assert one(file, "(SELECT count(*) FROM notes)") == PROMPTS + PROMPTS - 1
    assert one(file, "(SELECT sum(calls) FROM verdicts)::INT + (SELECT sum(calls) FROM notes)::INT") == paid
    config = load(file)
    with Store(config.store_path, read_only=True) as store:
        status = pipeline.status(config, store)
    assert {row["stage"]: row["calls"] for row in status["work"]}["judge a"] == paid
    assert {row["stage"]: row["replies"] for row in status["spent"]}["judge a"] == paid
    of_work = {row["stage"]: (row["prompt_tokens"], row["output_tokens"]) for row in status["work"]}
    assert {row["stage"]: (row["prompt_tokens"], row["output_tokens"]) for row in status["spent"]}["judge a"] == of_work[
        "judge a"
    ]


def answers(file: Path) -> int:
    return int(one(file, "(SELECT count(DISTINCT answer) FROM responses)"))


def test_a_response_costs_four_calls_plus_claims_and_notes_are_paid_once_per_prompt(file: Path) -> None:
    go(file)
    ledger(file, answers(file))
    assert one(file, "(SELECT count(*) FROM pairs)") > 0
    assert go(file) == {}, "nothing is owed any more"
    # More samples: their own calls, and nothing of the prompts again.
    go(file, "generate.samples=4")
    ledger(file, answers(file))


def test_the_items_of_a_prompts_own_checklist_are_checked_and_no_others(file: Path) -> None:
    go(file)
    mine = rows(
        file,
        "SELECT DISTINCT findings.text FROM findings JOIN criteria ON criteria.key = criterion AND kind = 'checklist' "
        "JOIN responses USING (answer) JOIN prompts ON prompts.key = prompt AND checklist IS NOT NULL ORDER BY ALL",
    )
    assert [row["text"] for row in mine] == [
        "essential: It names the crates.",
        "essential: Short.",
        "pitfall: It invents one.",
    ]


def test_a_changed_wording_makes_only_its_own_scores_pending(file: Path) -> None:
    go(file)
    before = answers(file)
    rubric = file.with_name("rubric.yaml")
    rubric.write_text(rubric.read_text().replace("Does the response do what", "Does the response really do what"))
    calls = "(SELECT arg_max(calls, started) FROM stage_runs WHERE calls > 0)"
    assert go(file) == {"judge a": before}
    assert one(file, calls) == before, "one call for each answer, no key point and no claim again"
    rubric.write_text(rubric.read_text().replace("kind: keypoints,", "kind: keypoints, chunk_words: 4000,"))
    assert go(file) == {"judge a": before}
    assert one(file, calls) == before + 2 + PROMPTS - 1, "coverage of points that are noted anew"
    assert one(file, "(SELECT count(DISTINCT key) FROM judges)") == 1


def test_a_run_that_stopped_half_way_pays_for_nothing_twice(file: Path) -> None:
    with pytest.raises(BudgetError):
        go(file, "budget.tokens=60_000")
    half = one(file, "(SELECT count(*) FROM verdicts)")
    go(file)
    assert 0 < half < one(file, "(SELECT count(*) FROM verdicts)")
    ledger(file, answers(file))


def planned(file: Path, *overrides: str) -> dict[str, int]:
    with pipeline.open_run(load(file, list(overrides))) as (resolved, context):
        return {line.stage: line.requests for line in plan(resolved, context).lines}


GUESSED = 20


def test_a_plan_counts_every_call_of_the_kinds_that_make_several(file: Path) -> None:
    notes = (3 + PROMPTS - 1) + (PROMPTS - 1)
    found = planned(file)["judge a"]
    # Each response lists about twenty claims, before any were counted.
    assert abs(found - (2 * PROMPTS * (5 + GUESSED) + notes)) <= 2 * PROMPTS
    with pipeline.open_run(load(file)) as (resolved, context):
        pipeline.collect(context)
        pipeline.generate(resolved, context)
    assert abs(planned(file)["judge a"] - (answers(file) * (5 + GUESSED) + notes)) <= answers(file)
    go(file)
    # The scripted judge finds one claim in everything, which is known now; and no prompt is noted again.
    assert planned(file, "generate.samples=5")["judge a"] == PROMPTS * 3 * (5 + 1)
    assert go(file, "generate.samples=5")["judge a"] <= PROMPTS * 3 * (5 + 1)


def test_the_shipped_rubric_gives_a_response_without_claims_the_middle_and_keeps_it() -> None:
    criteria: dict[str, Any] = {each.kind: each for each in load_rubric(RUBRICS / "long_document.yaml").criteria}
    assert criteria["claims"].if_none == criteria["claims"].floor == 0.5
    assert criteria["keypoints"].if_none == 1


@pytest.mark.parametrize("path", sorted(RUBRICS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_rubric_loads_and_says_what_it_is_for(path: Path) -> None:
    assert load_rubric(path).description
