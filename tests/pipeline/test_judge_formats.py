"""Judges with native formats, run from the pipeline file to the stored scores with the scripted model."""

import json
from pathlib import Path

from rlaif import pipeline
from rlaif.config import load
from rlaif.estimate import plan as estimate

PIPELINE = """
name: formats
out: out
models: {m: {kind: scripted}}
judges:
  prometheus2: {model: m, format: prometheus2, rubric: both.yaml}
  selene: {model: m, format: selene, rubric: both.yaml, logprobs: true}
  rm_r1: {model: m, format: rm_r1, rubric: better.yaml}
  skywork_critic: {model: m, format: skywork_critic, rubric: better.yaml, logprobs: true}
  yes_no: {model: m, format: yes_no, rubric: right.yaml, logprobs: true}
collect: {sources: [{path: rows.jsonl, columns: {prompt: q, responses: a}}]}
"""
SCALE = "{name: s, question: Rate it, levels: {1: low, 5: high}}"
CHOICE = "{name: c, kind: compare, question: Which one is right}"
YES = "{name: y, low: 0, high: 1, question: Rate it}"


def test_every_format_is_judged_and_planned_like_json(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(PIPELINE)
    for name, criteria in (("both", f"{SCALE}, {CHOICE}"), ("better", CHOICE), ("right", YES)):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\ncriteria: [{criteria}]")
    rows = [{"q": f"Sum up {n}.", "a": [f"It is {n}.", "No sum.", f"{n}?"]} for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pipeline.open_run(load(tmp_path / "p.yaml")) as (plan, context):
        pipeline.collect(context)
        planned = {line.stage: line.requests for line in estimate(plan, context).lines}
        pipeline.judge(plan, context, list(plan.judge_stage))
        store = context.store
        sent = {
            f"judge {row['name']}": row["n"]
            for row in store.rows(
                "SELECT name, sum(calls) AS n FROM verdicts JOIN judges ON judges.key = judge GROUP BY name"
            )
        }
        assert planned == sent
        assert store.rows("SELECT * FROM verdicts WHERE failure IS NOT NULL") == []
        scores = store.rows("SELECT judges.name, value, expected FROM scores JOIN judges ON judges.key = judge")
        compared = store.rows(
            "SELECT judges.name, preferred, probability FROM comparisons JOIN judges ON judges.key = judge"
        )
    assert {row["name"]: None for row in scores}.keys() == {"prometheus2", "selene", "yes_no"}
    assert all(0 < row["expected"] < 1 for row in scores if row["name"] == "yes_no")
    assert all((row["expected"] is not None) == (row["name"] != "prometheus2") for row in scores)
    assert {row["name"] for row in compared} == {"prometheus2", "selene", "rm_r1", "skywork_critic"}
    assert {row["preferred"] for row in compared} == {"first", "second"}
    assert all((row["probability"] is not None) == (row["name"] in ("selene", "skywork_critic")) for row in compared)
