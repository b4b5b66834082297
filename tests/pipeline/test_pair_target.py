"""Exactly so many pairs: more samples only for prompts that are short of one, in rounds that a stop does not change."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import go, project, rows

# The scripted judge prefers a few of the answers by this much, so that most prompts have no pair at first.
SHORT = "pair.min_margin=35"
PREFERENCES = "out/pairs/preference/train.jsonl"


def pairs(file: Path) -> int:
    return int(rows(file, "SELECT sum(pairs) AS n FROM pairings_readable WHERE newest")[0]["n"])


def test_prompts_without_a_pair_get_more_samples_until_the_target_is_met_exactly(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=100)
    go(file, SHORT)
    at_first = pairs(file)
    first = {row["prompt"] for row in rows(file, "SELECT prompt FROM pairs_readable WHERE newest")}
    assert at_first < 60
    go(file, SHORT, "pair.target=60")
    assert pairs(file) == 60
    counts = rows(
        file,
        "SELECT prompt, count(*) AS n, prompt IN (SELECT prompt FROM extra_samples) AS more FROM responses GROUP BY prompt",
    )
    assert all(row["n"] == 3 for row in counts if not row["more"])
    assert all(3 < row["n"] <= 16 for row in counts if row["more"])
    assert not first & {row["prompt"] for row in counts if row["more"]}
    assert rows(file, "SELECT count(*) AS n FROM (SELECT key FROM responses GROUP BY key HAVING count(*) > 1)")[0]["n"] == 0


def test_a_second_run_sends_nothing_and_keeps_the_same_pairs(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=60)
    go(file, SHORT, "pair.target=40")
    before = (tmp_path / PREFERENCES).read_bytes()
    assert go(file, SHORT, "pair.target=40") == {}
    assert (tmp_path / PREFERENCES).read_bytes() == before


def test_surplus_pairs_are_dropped_at_random_and_counted(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    most = pairs(file)
    asked = go(file, "pair.target=5")
    assert asked == {}
    assert pairs(file) == 5
    outcomes = {
        row["outcome"]: row["n"]
        for row in rows(
            file, "SELECT outcome, count(*) AS n FROM outcomes_readable WHERE newest AND response IS NULL GROUP BY outcome"
        )
    }
    assert (outcomes["paired"], outcomes["over the target"]) == (5, most - 5)
    one = {row["prompt"] for row in rows(file, "FROM pairs_readable WHERE newest")}
    go(file, "pair.target=5", "pair.seed=1")
    assert one != {row["prompt"] for row in rows(file, "FROM pairs_readable WHERE newest")}


def test_an_unreachable_target_stops_at_max_samples_with_a_message(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    sets = ["--set", "pair.target=9", "--set", "pair.max_samples=5", "--set", "pair.min_margin=99"]
    assert "0 of 9 pairs" in rlaif("run", str(file), "--quiet", *sets).stdout
    assert {row["n"] for row in rows(file, "SELECT count(*) AS n FROM responses GROUP BY prompt")} == {5}


def test_extra_samples_are_not_pending_once_the_target_is_removed(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=10)
    go(file)
    with Store(tmp_path / "out/store.duckdb") as store:
        store.run("INSERT INTO extra_samples SELECT generator, prompt, 9 FROM responses")
    assert go(file) == {}
    assert go(file, "pair.target=1")["generate"] == 10


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("generate: {model: writer, samples: 3}", "", "needs a `generate` section"),
        ("pair: {judge: a", "pair: {judge: b", "needs a judge that scores"),
    ],
)
def test_an_unreachable_target_is_refused_first(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = project(tmp_path, prompts=3)
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(InputError, match=said):
        pipeline.check(pipeline.resolve(load(file, ["pair.target=5"])))


@pytest.mark.slow
@pytest.mark.fault("P1")
def test_a_run_that_is_killed_in_a_round_ends_with_the_pairs_of_an_undisturbed_one(tmp_path: Path) -> None:
    sets = [SHORT, "pair.target=60"]
    (tmp_path / "whole").mkdir()
    whole = project(tmp_path / "whole", prompts=80)
    go(whole, *sets)
    file = project(tmp_path / "killed", prompts=80)
    go(file, SHORT)
    arguments = [word for each in [*sets, "models.writer.delay=0.4", "models.first.delay=0.2"] for word in ("--set", each)]
    command = [sys.executable, "-m", "rlaif", "run", str(file), *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr
    assert any("pairs are missing" in line for line in process.stderr), "a round must have begun"
    time.sleep(0.8)
    process.send_signal(signal.SIGKILL)
    process.stderr.close()
    assert process.wait(60) == -signal.SIGKILL
    held = rows(file, "SELECT (SELECT count(*) FROM extra_samples) AS asked, (SELECT count(*) FROM responses) AS n")[0]
    assert held["asked"] > 0
    assert held["n"] < rows(whole, "SELECT count(*) AS n FROM responses")[0]["n"]
    go(file, *sets)
    counts = [
        rows(each, "SELECT prompt, count(*) AS n FROM responses GROUP BY prompt ORDER BY prompt") for each in (whole, file)
    ]
    assert counts[0] == counts[1]
    assert (tmp_path / "killed" / PREFERENCES).read_bytes() == (tmp_path / "whole" / PREFERENCES).read_bytes()
