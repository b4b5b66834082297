"""The whole loop with the scripted model: what a run owes, and that a stop changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlaif import pipeline as run
from rlaif.config import load
from tests.support.processes import written
from tests.support.scripted_pipeline import add, go, project, rows


def test_a_run_does_everything_once_and_a_second_run_sends_nothing(tmp_path: Path) -> None:
    file = project(tmp_path)
    calls = go(file)
    assert calls["generate"] == 20
    answers = rows(file, "SELECT count(DISTINCT answer) AS n FROM responses")[0]["n"]
    assert calls["judge a"] == 3 * answers
    pairs = (tmp_path / "out/pairs/preference/train.jsonl").read_bytes()
    started = time.process_time()
    assert go(file, report=True) == {}
    assert time.process_time() - started < 3
    assert (tmp_path / "out/pairs/preference/train.jsonl").read_bytes() == pairs
    assert (tmp_path / "out/report.html").stat().st_size > 1000


@pytest.mark.fault("P7")
def test_a_changed_weight_strategy_or_margin_calls_no_model(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    before = (tmp_path / "out/pairs/preference/train.jsonl").read_bytes()
    for override in ("pair.weights.faithfulness=9", "pair.strategy=best_vs_second", "pair.min_margin=30"):
        assert go(file, override) == {}
        assert (tmp_path / "out/pairs/preference/train.jsonl").read_bytes() != before
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(rubric.read_text().replace("weight: 1", "weight: 4", 1))
    assert go(file) == {}
    assert (tmp_path / "out/pairs/preference/train.jsonl").read_bytes() != before


@pytest.mark.fault("P7")
def test_a_changed_wording_makes_only_the_scores_of_its_criterion_pending(tmp_path: Path) -> None:
    file = project(tmp_path)
    calls = go(file)
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(rubric.read_text().replace("Is every statement", "Is each and every statement"))
    assert go(file) == {"judge a": calls["judge a"] // 3}


@pytest.mark.fault("P8")
def test_added_prompts_and_samples_make_only_the_new_work_pending(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    add(tmp_path, range(20, 30))
    calls = go(file)
    assert calls["generate"] == 10
    assert calls["judge a"] <= 10 * 3 * 3
    assert go(file, "generate.samples=4")["generate"] == 30
    texts = rows(file, "SELECT count(*) AS n, count(DISTINCT key) AS keys FROM responses")[0]
    assert texts["n"] == texts["keys"] == 120


def test_a_second_judge_stands_beside_the_first_and_pairs_at_once(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    with run.open_run(load(file)) as (plan, context):
        run.judge(plan, context, ["b"])
    made = {}
    for name in ("a", "b"):
        with run.open_run(load(file, [f"pair.judge={name}"])) as (plan, context):
            made[name] = run.pair(plan, context).key
    assert made["a"] != made["b"]
    assert {row["name"] for row in rows(file, "FROM judges")} == {"a", "b"}
    pairs = rows(file, "SELECT pairing, list(chosen ORDER BY prompt) AS chosen FROM pairs GROUP BY pairing")
    assert len(pairs) == 2
    assert pairs[0]["chosen"] != pairs[1]["chosen"]


@pytest.mark.fault("J7")
def test_failures_are_rows_with_a_kind_and_no_value(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=40)
    go(file)
    found = rows(file, "SELECT failure, count(*) AS n, count(value) AS valued FROM scores GROUP BY failure")
    kinds = {row["failure"]: row for row in found}
    assert set(kinds) == {None, "malformed"}
    assert kinds["malformed"]["valued"] == 0
    assert rows(file, "SELECT count(*) AS n FROM verdicts WHERE failure IS NOT NULL AND raw IS NOT NULL")[0]["n"] > 0


def test_the_raw_words_and_all_settings_are_kept(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    spec = json.loads(rows(file, "SELECT spec FROM generators")[0]["spec"])
    assert spec["temperature"] == 1.0
    assert "{{ request }}" in spec["template"]
    judge = json.loads(rows(file, "SELECT spec FROM judges")[0]["spec"])
    assert judge["rubric"] == "grounded"
    raw = rows(file, "SELECT raw FROM verdicts WHERE failure IS NULL LIMIT 1")[0]["raw"]
    assert set(json.loads(raw)) == {"rationale", "score"}


@pytest.mark.fault("P1")
@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(signal.SIGKILL, id="kill"),
        pytest.param(signal.SIGINT, id="interrupt", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, id="terminate", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_stopped_half_way_ends_with_the_same_pairs(tmp_path: Path, sign: signal.Signals) -> None:
    (tmp_path / "whole").mkdir()
    whole = project(tmp_path / "whole")
    go(whole)
    file = project(tmp_path / "stopped", delay=0.05)
    command = [sys.executable, "-m", "rlaif", "run", str(file), "--set", "models.writer.delay=0.01", "--quiet"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and written(tmp_path / "stopped/out/store.duckdb") < 40_000:
        time.sleep(0.02)
    process.send_signal(sign)
    _, said = process.communicate(timeout=60)
    if sign is signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 128 + sign
        assert "To continue, run the same command: " in said
    held = rows(file, "SELECT count(*) AS n FROM responses")[0]["n"]
    assert 0 < held <= 60
    calls = go(file, "models.first.delay=0")
    asked = calls.get("generate", 0)
    assert asked <= 20 - held // 3
    for name in ("train.jsonl", "train.parquet"):
        stopped, undisturbed = (tmp_path / run / "out/pairs/preference" / name for run in ("stopped", "whole"))
        assert stopped.read_bytes() == undisturbed.read_bytes()
