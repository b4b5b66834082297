"""Measure `rlaif rubric` on human preferences: propose on 200 questions, compare on the 100 others.

python -m benchmarks.rubric           about a minute; needs no model and no network

Reads ../shared/data/qa_feedback.jsonl: questions about passages, four answers each, six human preferences. A program takes
the place of the judge and of the proposing model (`rubric_model.py`), because no model that runs here in minutes can judge
these answers. So the table shows whether the commands find and measure what the votes reward; it says nothing about how
good the proposals of a real model are. The rubric before the proposal has relevance and brevity.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks.rubric_model import Criterion, RubricModel, served
from rlaif import pipeline
from rlaif.config import load
from rlaif.evaluation.audit.figures import write
from rlaif.evaluation.rubric_comparison import RubricComparison
from rlaif.pipeline import rubric_prompt, rubric_suggestion, rubric_trial

DATA = Path(__file__).parents[2] / "shared/data/qa_feedback.jsonl"
# The share of the questions that the proposal is made from.
FIRST = 2 / 3
# A program reads any number of pairs.
PAIRS = 10_000


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def share_in(text: list[object], source: set[object]) -> float:
    return sum(each in source for each in text) / len(text) if text else 0.0


def grounding(document: str, request: str, response: str) -> float:
    """Share of the response's runs of three words that the document contains."""
    mine, given = words(response), words(document)
    return share_in([*zip(mine, mine[1:], mine[2:], strict=False)], {*zip(given, given[1:], given[2:], strict=False)})


def relevance(document: str, request: str, response: str) -> float:
    """Share of the question's words of more than three letters that the response contains."""
    return share_in([word for word in words(request) if len(word) > 3], {*words(response)})


def brevity(document: str, request: str, response: str) -> float:
    return max(0.0, 1 - len(words(response)) / 80)


def detail(document: str, request: str, response: str) -> float:
    return min(1.0, len(words(response)) / 80)


def figures(document: str, request: str, response: str) -> float:
    return min(1.0, sum(word.isdecimal() for word in words(response)) / 4)


def names(document: str, request: str, response: str) -> float:
    return min(1.0, len(set(re.findall(r"(?<=[a-z,] )[A-Z]\w+", response))) / 6)


CRITERIA = {
    "relevance": Criterion("Does it take up the question?", "Not at all.", "Every part of it.", relevance),
    "brevity": Criterion("Is it brief?", "It is very long.", "It is a few words.", brevity),
    "grounding": Criterion(
        "Does it keep to the passages?", "It ignores them.", "It states only what they state.", grounding
    ),
    "detail": Criterion("Is it detailed?", "It is a few words.", "It explains everything at length.", detail),
    "figures": Criterion("Does it give figures?", "None.", "Several.", figures),
    "names": Criterion("Does it name people and places?", "None.", "Several.", names),
}
OLD = ("relevance", "brevity")


def measure(folder: Path, first: float = FIRST, limit: int | None = None) -> tuple[str, RubricComparison]:
    """Propose and compare; return the model's analysis and the comparison."""
    rubric = {"name": "qa", "criteria": [{"name": name, "low": 1, "high": 5, **CRITERIA[name].wording} for name in OLD]}
    (folder / "qa.yaml").write_text(yaml.safe_dump(rubric, sort_keys=False))
    with served(RubricModel(CRITERIA)) as url:
        model = {"kind": "openai", "model": "program", "base_url": url, "price": {"input": 0, "output": 0}}
        judge = {"model": "program", "rubric": str(folder / "qa.yaml"), "calls": "apart"}
        changes = {"out": str(folder / "out"), "models": {"program": model}, "judges": {"program": judge}}
        changes |= {"collect.sources.0.path": str(DATA), "collect.sources.0.limit": limit}
        file = Path(__file__).parents[1] / "pipelines/qa_feedback.yaml"
        config = load(file, [f"{name}={json.dumps(value)}" for name, value in changes.items()])
        with pipeline.open_run(config) as (plan, context):
            pipeline.collect(context)
            pipeline.judge(plan, context, ["program"])
            task = rubric_prompt.prepare(plan, context, "program", "human", pairs=PAIRS, first=first)
            found = rubric_suggestion.suggest(context, task)
            assert found.rubric
            trial = rubric_trial.open_trial(plan, context, found.rubric, "program", "human", first=first)
            return found.analysis, rubric_trial.run_trial(plan, context, trial)


def main() -> int:
    """Print what was proposed and the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=int, help="use only the first N questions")
    limit = parser.parse_args().limit
    with tempfile.TemporaryDirectory() as folder:
        analysis, found = measure(Path(folder), limit=limit)
    print(analysis)
    print(f"{found.pairs:,} pairs of {found.prompts:,} questions")
    print(f"{'':14} {'old rubric':28} {'new rubric':28} {'difference in points':28}")
    for each in found.agreements:
        cells = (write(estimate, "share") for estimate in (each.old, each.new, each.difference))
        print(f"{each.criterion or 'all criteria':14} " + " ".join(f"{cell:28}" for cell in cells))
    print(found.verdict)
    return 0


if __name__ == "__main__":
    sys.exit(main())
