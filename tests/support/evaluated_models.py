"""A pipeline that compares two scripted models with two judges and a task, and its evaluation."""

import json
from pathlib import Path
from typing import Any

from rlaif import pipeline
from rlaif.config import load
from rlaif.evaluation import Evaluation
from rlaif.store.store import Row

PIPELINE = """
name: contest
out: {out}
models:
  writer: {{kind: scripted, salt: w}}
  other: {{kind: scripted, salt: o}}
  first: {{kind: scripted, salt: a}}
  second: {{kind: scripted, salt: b}}
judges:
  a: {{model: first, rubric: rubric.yaml}}
  b: {{model: second, rubric: rubric.yaml}}
collect: {{sources: [{{path: prompts.jsonl, columns: {{prompt: prompt}}}}], held_out: 0.5}}
generate: {{model: writer, samples: 1}}
judge: {{by: [a]}}
pair: {{judge: a}}
evaluate: {{models: [other], judges: [a, b], samples: 2, limit: 4, tasks: [{{name: brevity, path: task.jsonl, rubric: task.yaml}}]}}
"""
RUBRIC = """
name: useful
criteria:
  - {name: helpfulness, question: "Is it of use?", low: 1, high: 5, levels: {1: "no", 5: "yes"}}
"""
CHECKS = """
name: brevity
criteria:
  - {name: brief, kind: check, function: within, options: {most: 20}}
"""


def project(folder: Path, *sets: str) -> Any:
    (folder / "contest.yaml").write_text(PIPELINE.format(out=folder / "out"))
    (folder / "rubric.yaml").write_text(RUBRIC)
    (folder / "task.yaml").write_text(CHECKS)
    for name, count in (("prompts", 20), ("task", 3)):
        rows = [json.dumps({"prompt": f"{name} {number}: say something."}) for number in range(count)]
        (folder / f"{name}.jsonl").write_text("\n".join(rows))
    return load(folder / "contest.yaml", list(sets))


def evaluated(config: Any) -> tuple[Evaluation, list[Row]]:
    """The evaluation, and what the store holds of work after it."""
    with pipeline.open_run(config) as (plan, context):
        pipeline.check(pipeline.resolve(config))
        pipeline.collect(context)
        return pipeline.evaluate(plan, context), context.store.rows("SELECT stage, calls FROM stage_runs")
