"""A run that would do nothing returns the kept result, and any change makes it ask the store."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.config import load
from rlaif.config.resources import stamp
from rlaif.context import finished
from rlaif.store.store import Store
from tests.support.scripted_pipeline import add, project


def run(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rlaif", "run", str(file), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_a_finished_run_is_not_repeated_until_something_changes(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    edit(file, "malformed: 0.1", "malformed: 0")
    first, again = run(file), run(file)
    assert "Everything" not in first.stderr
    assert again.stderr == "Everything is up to date.\n"
    results, same = json.loads(first.stdout), json.loads(again.stdout)
    assert same["summary"].pop("seconds") != results["summary"].pop("seconds")
    assert same == results
    kept = json.loads((tmp_path / "out/finished.json").read_text())["files"]
    assert {tmp_path / name for name in ("rubric.yaml", "prompts.jsonl")} <= {
        Path(name) for name, state in kept.items() if state
    }
    add(tmp_path, range(4, 5))
    assert "collect: 5 prompts" in run(file).stderr


def append(folder: Path) -> None:
    with Store(folder / "out/store.duckdb") as store:
        store.append("dropped", [{"what": "prompt", "reason": "duplicate"}])


def edit(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


CHANGES: dict[str, Callable[[Path], object]] = {
    "the store": append,
    "a report that is gone": lambda folder: (folder / "out/report.html").unlink(),
    "an edited data set": lambda folder: (folder / "out/pairs/train.jsonl").write_text("{}\n"),
    "the pipeline file": lambda folder: edit(folder / "loop.yaml", "samples: 3", "samples: 4"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_kept_result_is_found_until_its_inputs_change(what: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=1)
    append(tmp_path)
    (tmp_path / "out/pairs").mkdir()
    for name in ("report.html", "pairs/train.jsonl"):
        (tmp_path / "out" / name).write_text("old")
    finished.keep(load(file), {"pairs": 1}, {})
    assert finished.find(load(file)) == {"pairs": 1}
    assert finished.find(load(file, ["pair.min_margin=9"])) is None
    CHANGES[what](tmp_path)
    assert finished.find(load(file)) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1, "files": [], "result": {}}'])
def test_a_broken_kept_result_is_ignored(text: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/finished.json").write_text(text)
    assert finished.find(load(file)) is None


def test_a_stamp_shows_new_moved_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    stamps = [stamp(tmp_path), stamp(tmp_path / "a"), stamp(tmp_path / "b"), stamp(tmp_path / "\0")]
    assert stamps == [stamp(tmp_path), stamp(tmp_path / "a"), "", ""]
    (tmp_path / "b").write_text("2")
    assert stamp(tmp_path) != stamps[0]
    assert stamp(tmp_path, without="b") == stamps[0]
    (tmp_path / "b").replace(tmp_path / "a")
    assert stamp(tmp_path / "a") != stamps[1]
