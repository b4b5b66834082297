"""Every benchmark of serving and of pairs still runs, at a size that proves nothing about speed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import pairs, recipes
from rlaif.config import Train, load
from rlaif.data.export.writers import COPY
from rlaif.pipeline import resolve
from tests.support.paths import ROOT

CASES = {
    "overhead": (["--prompts", "10", "--rounds", "1"], r"rlaif to bare: \d"),
    "makespan": (["--prompts", "10", "--median", "0.01"], r"rlaif to ideal: \d"),
    "faults": (["--prompts", "10", "--median", "0.01", "--deadline", "1"], r"with faults to without: \d"),
    "crash": (["--prompts", "10", "--kills", "1", "--median", "0.05"], r"pairs equal to the byte: True"),
    "scale": (["--prompts", "100", "--seconds", "2"], r"800 pending judgements"),
    "readers": (["--prompts", "10", "--rounds", "1", "--median", "0.01"], r"with a reader to without: \d"),
    "view": (["--pairs", "2000", "--folder", "{folder}"], r"peak memory \d+ MB"),
    "real_model": (["{folder}", "--small"], r"dpo-0 +20 .*\n +to base +20 [\s\S]*kto-0 +20 [\s\S]*sft-0 +20 "),
    "generation": (
        ["tiny:writer", "--prompts", "2", "--samples", "2", "--limit", "8"],
        r"rlaif .* tokens/s, CPU.*\nplain .* tokens/s, CPU",
    ),
    "pairs": (["--small", "--only", "best_vs_second", "--folder", "{folder}"], r"rlaif \d.*raw \d.*polars \d"),
    "pairing_scale": (["--prompts", "200", "400", "800", "--folder", "{folder}"], r"same pairs .* at 200 prompts: True"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_benchmark_runs_to_its_table(name: str, tmp_path: Path) -> None:
    arguments, told = CASES[name]
    arguments = [argument.format(folder=tmp_path) for argument in arguments]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments], capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert re.search(told, done.stdout), done.stdout + done.stderr


def test_every_row_of_the_methods_benchmark_is_a_training() -> None:
    rows = yaml.safe_load((ROOT / "benchmarks/methods/rows.yaml").read_text())
    methods = {Train.model_validate(row["train"]).method for row in rows.values()}
    assert methods >= {"sft", "dpo", "dpo_soft", "dpo_sft", "kto", "orpo", "rloo", "grpo"}


@pytest.mark.parametrize("recipe", recipes.GENERATORS)
def test_a_recipe_is_measured_in_the_demos_world_by_the_oracle(recipe: str, tmp_path: Path) -> None:
    config = load(ROOT / f"pipelines/{recipe}.yaml", [*recipes.overrides(tmp_path, recipe, 1), *recipes.SMALL])
    plan = resolve(config)
    assert not plan.problems
    assert plan.evaluators == ("oracle",)
    assert {getattr(config.pipeline.models[name], "path", None) for name in plan.models} <= {"tiny:writer", "tiny:judge"}


def test_the_raw_limit_of_the_pairs_benchmark_is_measured_with_the_options_of_exports() -> None:
    assert COPY["parquet"] == pairs.GROUPED
