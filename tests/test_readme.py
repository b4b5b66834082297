"""README says what is: its commands, its tree, its tables."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from rlaif import config
from rlaif.cli import app
from rlaif.config import load
from rlaif.pairs.strategy import STRATEGIES
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_that_it_names_is_one() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    named = set(re.findall(r"rlaif (\w+)(?: [\w./-]*[./A-Z]| `|`|\n)", README)) | set(re.findall(r"`rlaif (\w+)", README))
    assert named
    assert named <= set(commands), named - set(commands)


def test_every_make_target_that_it_names_is_one() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"quickstart", "test"} <= set(re.findall(r"(?:^    |`)make (\w+)", README, re.MULTILINE)) <= targets


def test_its_tree_is_the_tree() -> None:
    tree = README.partition("```\nprompts/")[2].partition("```")[0]
    named = re.findall(r"^  ([\w.]+)/? ", "prompts/" + tree, re.MULTILINE)
    assert len(named) > 15
    for name in named:
        assert (ROOT / "rlaif" / name).exists(), name
    listed = set(named) | {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
    minor = {"context.py", "progress.py", "yaml_file.py", "shipped.py", "prices.py", "secret.py", "override.py", "overlap.py", "own_code.py",
             "store_file.py", "breaker.py", "retry.py", "changes.py", "cascade.py", "practice.py",
             "witness.py", "versions.py", "shared.py", "remarks.py", "legible.py", "redacted.py"}  # fmt: skip
    for path in (ROOT / "rlaif").iterdir():
        assert path.name in listed | minor, f"README's tree lacks {path.name}"
    for name in re.findall(r"\w+\.yaml", tree):
        assert (ROOT / "pipelines" / name).exists(), name


SECTIONS = {
    "judges": config.JudgeSpec, "collect": config.Collect, "generate": config.Generate, "judge": config.Judge,
    "pair": config.Pair, "train": config.Train, "evaluate": config.Evaluate, "budget": config.Budget, "gate": config.Gate,
    "rounds": config.Rounds,
}  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_its_table_names_every_key_of_a_section(section: str) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{section}` |"))
    keys = set(re.findall(r"`(\w+)`", row.rpartition(" | ")[2]))
    assert keys == set(SECTIONS[section].model_fields)


def test_it_names_every_strategy() -> None:
    listed = README.partition("Strategies: ")[2].partition(". Margins")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(STRATEGIES)


def test_its_example_is_a_pipeline(tmp_path: Path) -> None:
    yaml = README.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "notes.yaml").write_text(yaml)
    assert load(tmp_path / "notes.yaml").judges == ["critic"]
