"""Measure the gain of the recipes in the demo's world, by the oracle that training never uses.

python -m benchmarks.recipes OUT                     delta.yaml and tulu3.yaml, seeds 0 to 2; skips finished runs
python -m benchmarks.recipes OUT --only delta        only this recipe
python -m benchmarks.recipes OUT --small             a small size for tests, whose results mean nothing

The generators are the tiny writer at several temperatures: the higher, the more careless its notes. The model to train is
the writer at temperature 1, and the tiny judge scores in place of the recipe's judge. The rest of each file is unchanged,
except for the learning rate and the batch, which fit so small a model.
"""

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.job import table
from rlaif import pipeline as run
from rlaif.config import load
from rlaif.config.resources import root

WRITER = {"kind": "transformers", "path": "tiny:writer", "batch": 64}
JUDGE = {"model": "judge", "rubric": "rubrics/grounded.yaml", "template": "prompts/judge/compact.jinja", "calls": "apart"}
MODELS = {"policy": WRITER, "strong": WRITER, "weak": WRITER, "judge": {**WRITER, "path": "tiny:judge"}}
SOURCE = {"path": "data/tiny_requests.jsonl", "columns": {"prompt": "prompt", "document": "document"}}
# The generators of each recipe. `policy` samples at temperature 1, like the evaluation.
GENERATORS: dict[str, list[dict[str, Any]]] = {
    "delta": [{"model": "strong", "temperature": 0.7}, {"model": "weak", "temperature": 1.3}],
    "tulu3": [
        {"model": "policy", "always": True},
        *({"model": "strong", "name": f"writer at {heat}", "temperature": heat} for heat in (0.6, 0.8, 1.2, 1.4)),
    ],
}
SECTIONS: dict[str, Any] = {
    "budget": None,
    "models": MODELS,
    "judges": {"critic": {**JUDGE, "max_tokens": 160}, "oracle": {"rubric": "rubrics/oracle.yaml"}},
    "collect": {"sources": [SOURCE], "held_out": 0.25},
    "generate.template": "prompts/generate/compact.jinja",
    "generate.max_tokens": 96,
    "evaluate": {"judges": ["oracle"], "samples": 1},
}
OPTIONS = {"learning_rate": 5e-4, "num_train_epochs": 3, "per_device_train_batch_size": 16}
SMALL = ("collect.sources.0.limit=24", "train.options.max_steps=1", "evaluate.limit=4")
SEEDS = (0, 1, 2)
CRITERIA = ("helpfulness", "faithfulness", "completeness")
# Pairs of which the oracle prefers the chosen response, among those that it does not find equal.
RIGHT = """
    WITH oracle AS (
        SELECT response, avg(percent) AS percent FROM responses_scored WHERE judge = 'oracle' GROUP BY response
    )
    SELECT avg(if(one.percent > other.percent, 1, 0)) FILTER (one.percent <> other.percent) AS share
    FROM pairs_readable AS pairs
        JOIN oracle AS one ON one.response = chosen_response JOIN oracle AS other ON other.response = rejected_response
    WHERE newest
"""
Result = dict[str, float]


def overrides(folder: Path, recipe: str, seed: int) -> list[str]:
    """Return the overrides of a recipe that run it in the demo's world."""
    seeds = {"generate.seed": seed, "pair.seed": seed, "train.seed": seed}
    own = {"out": str(folder), "generate.generators": GENERATORS[recipe], "train.options": OPTIONS}
    return [f"{name}={json.dumps(value)}" for name, value in (SECTIONS | own | seeds).items()]


def result(out: Path, recipe: str, seed: int, more: Sequence[str]) -> Result:
    """Return the measures of one run, from its file if it exists."""
    folder = out / f"{recipe}-{seed}"
    if (folder / "result.json").exists():
        return dict(json.loads((folder / "result.json").read_text()))
    config = load(root() / f"pipelines/{recipe}.yaml", [*overrides(folder, recipe, seed), *more])
    with run.open_run(config) as (plan, context):
        made, evaluation, _ = run.everything(plan, context)
        assert made is not None
        run.judge(plan, context, ["oracle"])
        match = evaluation.matches[0]
        found = {"pairs": float(made.pairs), "right": context.store.rows(RIGHT)[0]["share"] or 0.0}
        found |= {f"base {each.name}": each.base_percent or 0.0 for each in match.criteria}
        found |= {f"trained {each.name}": each.trained_percent or 0.0 for each in match.criteria}
        found |= {"wins": match.win_rate or 0.0}
    (folder / "result.json").write_text(json.dumps(found))
    return found


def rows(recipe: str, results: Sequence[Result]) -> list[list[str]]:
    """Return one row per seed, and one with the means."""

    def cells(label: str, found: Result) -> list[str]:
        scores = [f"{found[f'base {name}']:.1f} → {found[f'trained {name}']:.1f}" for name in CRITERIA]
        return [recipe, label, f"{found['pairs']:.0f}", f"{found['right']:.0%}", *scores, f"{found['wins']:.0%}"]

    mean = {name: statistics.mean(each[name] for each in results) for name in results[0]}
    return [*(cells(str(seed), each) for seed, each in zip(SEEDS, results, strict=False)), cells("mean", mean)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print its table; return 1 if a recipe does not gain with every seed."""
    parser = argparse.ArgumentParser(prog="benchmarks.recipes", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", default=list(GENERATORS), choices=list(GENERATORS))
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args(arguments)
    seeds, more = (SEEDS[:1], SMALL) if given.small else (SEEDS, ())
    found = {recipe: [result(given.out, recipe, seed, more) for seed in seeds] for recipe in given.only}
    head = ["recipe", "seed", "pairs", "labels right", *CRITERIA, "wins"]
    table("Recipes", [head, *(row for recipe, results in found.items() for row in rows(recipe, results))])
    return 0 if given.small or all(each["wins"] > 0.5 for results in found.values() for each in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
