"""Evaluated models whose responses, scores and preferences are files: nothing is called."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.data.sources.recorded import first_text
from rlaif.estimate import plan
from rlaif.evaluation import Evaluation, render

COUNT = 12
ANNOTATED = """
name: annotated
out: {out}
collect:
  sources:
    - {{path: good.json, layout: alpaca_eval_annotations}}
    - {{path: bad.json, layout: alpaca_eval_annotations}}
evaluate: {{base: gpt4_turbo, models: [good, bad], judges: [weighted]}}
"""
JUDGED = """
name: judged
out: {out}
models: {{scripted: {{kind: scripted}}}}
judges: {{critic: {{model: scripted, rubric: rubric.yaml}}}}
collect: {{sources: [{{path: questions.jsonl, columns: {{prompt: question, metadata: [question_id]}}}}]}}
evaluate:
  base: text
  models:
    text: {{responses: text.json}}
    turns: {{responses: turns.jsonl}}
  judges: [critic]
"""
RUBRIC = """
name: useful
criteria: [{name: help, question: "Is it of use?", low: 1, high: 5, levels: {1: "no", 5: "yes"}}]
"""


def preference(model: str, place: int) -> float:
    """AlpacaEval's real-valued preference: 1 is the baseline, 2 the model."""
    return 1 + (0.9, 0.35)[model == "bad"] * (place % 4) / 3


def annotated(folder: Path) -> Any:
    for model in ("good", "bad"):
        rows = [
            {
                "instruction": f"Question {place}",
                "output_1": f"the base {place}",
                "generator_1": "gpt4_turbo",
                "output_2": f"{model} {place}" + " more" * (place % 3),
                "generator_2": model,
                "annotator": "weighted",
                "preference": preference(model, place),
            }
            for place in range(COUNT)
        ]
        (folder / f"{model}.json").write_text(json.dumps(rows))
    (folder / "pipeline.yaml").write_text(ANNOTATED.format(out=folder / "out"))
    return load(folder / "pipeline.yaml")


def judged(folder: Path, *sets: str) -> Any:
    questions = [{"question_id": place, "question": f"Question  {place}"} for place in range(COUNT)]
    texts = [{"instruction": f"Question {place}", "output": f"text {place}"} for place in range(COUNT + 2)]
    turns = [{"question_id": place, "choices": [{"turns": [f"turn {place}", "later"]}]} for place in range(1, COUNT)]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    (folder / "text.json").write_text(json.dumps(texts))
    (folder / "turns.jsonl").write_text("\n".join(map(json.dumps, turns)))
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "pipeline.yaml").write_text(JUDGED.format(out=folder / "out"))
    return load(folder / "pipeline.yaml", list(sets))


def evaluated(config: Any) -> tuple[Evaluation, Any]:
    with pipeline.open_run(config) as (resolved, context):
        pipeline.collect(context)
        found = pipeline.evaluate(resolved, context)
        rows = context.store.rows
        return found, (rows("SELECT what, reason, count(*) AS n FROM dropped GROUP BY ALL"), rows("FROM stage_runs"))


def test_published_preferences_give_their_win_rate_without_a_call(tmp_path: Path) -> None:
    found, (dropped, stages) = evaluated(annotated(tmp_path))
    assert [(each.base.name, each.trained.name, each.prompts) for each in found.matches] == [
        ("gpt4_turbo", "good", COUNT),
        ("gpt4_turbo", "bad", COUNT),
    ]
    for each in found.matches:
        expected = sum(preference(each.trained.name, place) - 1 for place in range(COUNT)) / COUNT
        assert each.win_rate == pytest.approx(expected, abs=1e-6)
        assert each.length_controlled
    assert {row["reason"] for row in dropped} == {"duplicate"}
    assert sum(row["calls"] for row in stages) == 0
    console = Console(file=io.StringIO(), width=120)
    render(found, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "mean length, characters" in text
    assert "wins at equal lengths" in text


def test_recorded_responses_match_by_text_and_id_and_only_judging_is_planned_and_paid(tmp_path: Path) -> None:
    config = judged(tmp_path)
    with pipeline.open_run(config) as (resolved, context):
        pipeline.check(resolved)
        planned = {line.stage: line.requests for line in plan(resolved, context).lines}
    found, (dropped, stages) = evaluated(config)
    assert [(each.trained.name, each.prompts) for each in found.matches] == [("turns", COUNT - 1)]
    assert dropped == [{"what": "response", "reason": "no such prompt in the sources", "n": 2}]
    assert sum(planned.values()) == sum(row["calls"] for row in stages) == 2 * COUNT - 1
    assert found.matches[0].excluded == {"no score for trained": 1}


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["evaluate.base=null"], "no base to compare with"),
        (["evaluate.models.turns.id=uid"], "no column 'uid'"),
        (["evaluate.models.text.prompt=output"], "none of the 14 responses"),
        (["evaluate.models.text.responses=none.json"], "none.json"),
        (["evaluate.models.text={prompt: question}"], "name it under `responses`"),
        (["evaluate.judges=[critc]"], "critc"),
        (["evaluate.models={text: {}, turns: {}}"], "no response of"),
    ],
)
def test_a_mistake_in_a_recorded_model_says_where_it_is(tmp_path: Path, sets: list[str], told: str) -> None:
    with pytest.raises(InputError) as error:
        evaluated(judged(tmp_path, *sets))
    assert told in str(error.value)
    assert "pipeline.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ([{"index": 0, "turns": ["first", "second"]}], "first"),
        ([{"turns": [{"content": "arena"}]}], "arena"),
        ([{"role": "user", "content": "q"}, {"role": "assistant", "content": {"answer": "v2"}}], "v2"),
        (["wild"], "wild"),
        ([], None),
        (3, None),
    ],
)
def test_the_response_is_found_in_the_shapes_of_public_benchmarks(value: Any, text: str | None) -> None:
    assert first_text(value) == text
