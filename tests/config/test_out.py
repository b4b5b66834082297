"""Where a pipeline's results go: from the folder of its file, whatever folder the command runs in; and stores of before."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rlaif import pipeline
from rlaif.config import load, short
from rlaif.config.resources import copy_into, root
from rlaif.core.errors import InputError
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import go, project, rows


def moved(folder: Path, out: str = "") -> Path:
    """The project with `out` as given, or left out."""
    file = project(folder, prompts=3)
    text = file.read_text().replace(f"out: {folder / 'out'}\n", f"out: {out}\n" if out else "")
    file.write_text(text)
    return file


WHERE = {
    "left out": ("", "runs/loop"),
    "relative": ("results", "results"),
    "one folder up": ("../results", "../results"),
    "here": (".", "."),
    "absolute": ("/tmp/somewhere", "/tmp/somewhere"),
    "at home": ("~/somewhere", "~/somewhere"),
}


@pytest.mark.parametrize("name", WHERE)
def test_out_is_taken_from_the_folder_of_the_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, expected = WHERE[name]
    file = moved(tmp_path / "project", out)
    wanted = Path(os.path.normpath(file.parent / Path(expected).expanduser()))
    for here in (tmp_path, file.parent, Path("/")):
        monkeypatch.chdir(here)
        assert load(file).out == wanted
        assert load(Path(os.path.relpath(file))).out == wanted
    assert load(file, ["out=other"]).out == file.parent / "other", "an override is as if it stood in the file"


def test_a_folder_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file = moved(tmp_path / "real" / "project")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "project")
    assert load(tmp_path / "link" / "loop.yaml").out == file.parent / "runs/loop"
    assert load(tmp_path / "link" / "loop.yaml", ["out=../runs"]).out == tmp_path / "real" / "runs"


def test_a_senseless_out_is_reported_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not the name of a folder"):
        load(project(tmp_path, prompts=1), ['out="a\\0b"'])


def test_the_same_command_from_another_folder_sends_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = moved(tmp_path / "project")
    monkeypatch.chdir(file.parent)
    assert go(Path("loop.yaml"))["generate"] == 3
    monkeypatch.chdir(tmp_path)
    assert go(Path("project/loop.yaml")) == {}
    assert not (tmp_path / "runs").exists()


def test_a_path_below_the_current_folder_is_shown_relative_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short(tmp_path / "a" / "b") == Path("a/b")
    assert short(Path("/other")) == Path("/other")


def test_the_shipped_pipelines_write_beside_their_folder(tmp_path: Path) -> None:
    copy_into(tmp_path / "demo")
    for file in sorted((tmp_path / "demo/pipelines").glob("*.yaml")):
        assert load(file).out == tmp_path / "demo/runs" / file.stem
    assert load(root() / "pipelines/quickstart.yaml").out == root() / "runs/quickstart"


def test_a_store_at_the_old_place_is_found_and_nothing_is_paid_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = moved(tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    go(Path("project/loop.yaml"))
    shutil.move(tmp_path / "project/runs", tmp_path / "runs")
    for verb in (["run"], ["status"], ["report"], ["plan"], ["pair"], ["collect"], ["export", "x"], ["sql", "FROM pairs"]):
        done = rlaif(verb[0], "project/loop.yaml", *verb[1:])
        assert done.returncode == 2, verb
        assert str(tmp_path / "runs/loop") in done.stderr
        assert "out: ../runs/loop" in done.stderr
    assert not (tmp_path / "project/runs").exists()
    command = next(line for line in done.stderr.splitlines() if "mv " in line).partition("`")[2].partition("`")[0]
    subprocess.run(command, shell=True, check=True)
    assert go(Path("project/loop.yaml")) == {}
    assert rows(file, "SELECT count(*) AS n FROM responses") == [{"n": 9}]


def test_another_pipelines_store_of_the_same_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = moved(tmp_path / "one"), moved(tmp_path / "other")
    monkeypatch.chdir(one.parent)
    go(Path("loop.yaml"))
    pipeline.refuse_moved(load(other))
    assert go(other)["generate"] == 3
