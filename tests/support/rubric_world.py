"""The demo's world with a rubric that lacks a criterion, a program as judge and proposer, and the oracle as gold."""

import json
import random
from pathlib import Path
from typing import Any

import yaml

from benchmarks.rubric_model import Criterion
from rlaif.config.resources import root
from rlaif.demo import ground_truth
from tools.train_demo_models import corpus

THREE = ("helpfulness", "faithfulness", "completeness")
PIPELINE = """
name: planted
models:
  program: {{kind: openai, model: program, base_url: "{url}", price: {{input: 1, output: 2}}}}
judges:
  critic: {{model: program, rubric: grounded.yaml, calls: apart}}
  oracle: {{rubric: rubrics/oracle.yaml}}
collect:
  sources: [{{path: notes.jsonl, columns: {{prompt: prompt, document: document, responses: responses}}}}]
judge: {{by: [critic]}}
pair: {{judge: critic}}
"""


def _marks(name: str) -> Criterion:
    def value(document: str, request: str, response: str) -> float:
        return float(getattr(ground_truth.marks(document, request, response), name)) / 100

    return Criterion(f"How good is the {name} of the note?", "Nothing is right.", "Everything is right.", value)


def _chance(document: str, request: str, response: str) -> float:
    return random.Random(response).random()


# What the proposer may propose: the three criteria of the oracle, and others that it does not reward.
CRITERIA = {name: _marks(name) for name in THREE} | {
    "brevity": Criterion("Is it brief?", "Long.", "Brief.", lambda d, q, response: 1 / (1 + len(response.split()))),
    "capitals": Criterion(
        "Does it use capitals?", "None.", "Many.", lambda d, q, response: sum(map(str.isupper, response)) / len(response)
    ),
    "charm": Criterion("Is it charming?", "No.", "Yes.", _chance),
}


def write_rubric(path: Path, without: str) -> None:
    """The shipped rubric for grounded answers, without one criterion."""
    rubric = yaml.safe_load((root() / "rubrics/grounded.yaml").read_text())
    rubric["criteria"] = [each for each in rubric["criteria"] if each["name"] != without]
    path.write_text("# A rubric for notes.\n" + yaml.safe_dump(rubric, sort_keys=False))


def project(folder: Path, url: str, without: str, prompts: int) -> Path:
    """Careless notes in the demo's world, with a pipeline that judges them."""
    draw = random.Random("notes")
    rows: list[dict[str, Any]] = []
    for _ in range(prompts):
        drawn = corpus.case(draw)
        notes = [corpus.layout(*corpus.flawed(drawn, corpus.CARELESS, draw)) for _ in range(4)]
        rows.append({"prompt": drawn.request, "document": drawn.document, "responses": list(dict.fromkeys(notes))})
    (folder / "notes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_rubric(folder / "grounded.yaml", without)
    (folder / "planted.yaml").write_text(PIPELINE.format(url=url))
    return folder / "planted.yaml"
