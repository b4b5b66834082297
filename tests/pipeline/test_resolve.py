"""Resolving a pipeline reads each of its files once, and keeps errors for where the part is used."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.pipeline import resolve
from tests.support.scripted_pipeline import project

# Runs a pipeline and prints each rubric, template and strategy file that it opens.
WATCHED = """
import sys
from rlaif.cli.session import execute
def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".jinja", ".yaml", ".sql")):
        path = str(arguments[0])
        if path.endswith(("/rubric.yaml", "/own.sql")) or "prompts/generate/" in path or "prompts/judge/" in path:
            sys.stderr.write("OPENED " + path + "\\n")
sys.addaudithook(watch)
execute(sys.argv[1:])
"""


def opened(*command: str) -> Counter[str]:
    done = subprocess.run([sys.executable, "-c", WATCHED, *command], capture_output=True, text=True, check=True)
    return Counter(line.removeprefix("OPENED ") for line in done.stderr.splitlines() if line.startswith("OPENED "))


def test_a_whole_run_reads_each_rubric_template_and_strategy_once(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    (tmp_path / "own.sql").write_text(
        Path(sys.modules["rlaif"].__file__ or "").parent.joinpath("pairs/strategies/best_vs_worst.sql").read_text()
    )
    found = opened("run", str(file), "--set", f"pair.strategy={tmp_path / 'own.sql'}")
    assert sum(path.endswith("rubric.yaml") for path in found) == 1, "two judges share it"
    assert len(found) == 4, "the rubric, the strategy, and the templates of the generator and the judges"
    assert any(path.endswith("own.sql") for path in found)
    assert set(found.values()) == {1}, found


def test_a_missing_file_is_reported_when_its_part_is_used(tmp_path: Path) -> None:
    plan = resolve(load(project(tmp_path, prompts=1), ["pair.strategy=best_vs_wrost", "judges.a.rubric=none.yaml"]))
    assert plan.generators
    with pytest.raises(InputError, match=r"none\.yaml"):
        plan.judge("a")
    with pytest.raises(InputError, match="best_vs_wrost"):
        _ = plan.rule
    assert "a" not in plan.known_judge_keys()
