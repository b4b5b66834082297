"""A small pipeline with scripted models: written to a folder, run, and looked at in its store."""

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rlaif import pipeline as run
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.store.store import Store

PIPELINE = """
name: loop
out: {out}
models:
  writer: {{kind: scripted, salt: w, delay: {delay}}}
  first: {{kind: scripted, salt: a, malformed: 0.1, delay: {delay}}}
  second: {{kind: scripted, salt: b}}
judges:
  a: {{model: first, rubric: rubric.yaml, logprobs: true, calls: apart}}
  b: {{model: second, rubric: rubric.yaml}}
collect:
  sources: [{{path: prompts.jsonl, columns: {{prompt: prompt, document: document}}}}]
  held_out: 0.2
generate: {{model: writer, samples: 3}}
judge: {{by: [a]}}
pair: {{judge: a, min_margin: 2}}
"""


def project(folder: Path, prompts: int = 20, delay: float = 0.0) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "loop.yaml").write_text(PIPELINE.format(out=folder / "out", delay=delay))
    shutil.copy(root() / "rubrics/grounded.yaml", folder / "rubric.yaml")
    add(folder, range(prompts))
    return folder / "loop.yaml"


def add(folder: Path, numbers: range) -> None:
    with (folder / "prompts.jsonl").open("a") as file:
        for number in numbers:
            file.write(json.dumps({"prompt": f"Sum up report {number}.", "document": f"Crates {number}."}) + "\n")


def go(file: Path, *overrides: str, report: bool = False) -> dict[str, int]:
    """Runs everything; what each stage asked in this run: a generator's asks, a judge's judgements, second tries aside.

    The report takes a third of a run. So it is written once for each folder, and again only for tests that read it.
    """
    with run.open_run(load(file, list(overrides))) as (plan, context):
        written = not report and (plan.config.out / "report.html").exists()
        with patch("rlaif.pipeline.runner.report") if written else nullcontext():
            run.everything(plan, context)
        asked = "if(stage LIKE 'judge%', done + failed, calls)"
        rows = context.store.rows(
            f"SELECT stage, {asked} AS asked FROM stage_runs WHERE run = $run AND calls > 0", run=context.run
        )
    return {row["stage"]: row["asked"] for row in rows}


def rows(file: Path, query: str) -> list[dict[str, Any]]:
    with Store(load(file).store_path, read_only=True) as store:
        return store.rows(query)
