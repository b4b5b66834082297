"""The whole loop with the tiny neural models, undisturbed and killed half-way."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.store.store import Store
from tests.support.processes import written

QUICKSTART = root() / "pipelines/quickstart.yaml"


def overrides(out: Path) -> list[str]:
    # In double precision a sample does not depend on which others share its batch, so both runs must agree exactly.
    return [
        f"out={out}",
        "collect.sources.0.limit=30",
        "generate.samples=2",
        "models.writer.dtype=float64",
        "models.judge.dtype=float64",
        "pair.min_margin=1",
        "train.options.num_train_epochs=1",
    ]


@pytest.mark.slow
@pytest.mark.fault("P1")
@pytest.mark.tiny
def test_a_killed_run_ends_with_the_pairs_of_an_undisturbed_one_and_a_trained_model(tmp_path: Path) -> None:
    with pipeline.open_run(load(QUICKSTART, overrides(tmp_path / "whole"))) as (plan, context):
        _, evaluation, report = pipeline.everything(plan, context)
    assert {match.judge for match in evaluation.matches} == {"oracle", "tiny"}
    assert "<svg" in report.read_text(encoding="utf-8")
    sets = [part for override in overrides(tmp_path / "killed") for part in ("--set", override)]
    command = [sys.executable, "-m", "rlaif", "run", str(QUICKSTART), "--quiet", *sets]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and written(tmp_path / "killed/store.duckdb") < 40_000:
        time.sleep(0.05)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    with Store(tmp_path / "killed/store.duckdb", read_only=True) as store:
        held = store.rows("SELECT (SELECT count(*) FROM responses) AS responses, (SELECT count(*) FROM pairs) AS pairs")[0]
    assert held["responses"] > 0
    assert held["pairs"] == 0
    with pipeline.open_run(load(QUICKSTART, overrides(tmp_path / "killed"))) as (plan, context):
        pipeline.everything(plan, context)
    for name in ("train.jsonl", "train.parquet", "test.jsonl"):
        killed, whole = (tmp_path / each / "pairs/preference" / name for each in ("killed", "whole"))
        assert killed.read_bytes() == whole.read_bytes()
