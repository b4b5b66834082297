"""Folders and files may be called anything: the same data gives the same pairs, or the name is refused in a sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.data.export import export
from rlaif.data.sources.staging import COLUMNS
from rlaif.store.store import Store
from tests.support.collecting import lines
from tests.support.paths import ROOT

STAGED = sorted({column.partition(":")[0] for columns in COLUMNS.values() for column in columns.split()})
# DuckDB reads key=value in a path as a column, and some characters as patterns.
NAMES = [
    "/".join(f"{column}=1" for column in STAGED),
    "lr=5e-7/run",
    "prompt_id=1",
    "a[b]c",
    "a*c",
    "a{b,c}",
    "a#b",
    "a%20b",
    """it's "so";""",
    "[!a] **",
    "ünï🎉",
    "$HOME",
    "~",
    "s3:",
    "a\nb",
]
# What each would match if it were read as a pattern.
DECOYS = ["axc", "abc", "b", "x"]


def parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], object]] = {
    "jsonl": lambda path, rows: lines(path, rows),
    "parquet": lambda path, rows: path.write_bytes(parquet(rows)),
}


def rows(what: str) -> list[dict[str, Any]]:
    return [{"prompt": f"{what} {n}?", "a": f"{what} yes {n}", "b": f"{what} no {n}", "vote": n % 2} for n in range(4)]


def project(folder: Path, out: Path, data: Path) -> Path:
    source = {
        "path": str(data),
        "columns": {"responses": ["a", "b"], "metadata": ["vote"]},
        "preferences": {"judge": "human", "column": "vote", "pairs": [[1, 2]], "first": 0, "second": 1},
    }
    file = folder / "pipeline.yaml"
    # YAML does not join the two halves of an escaped emoji.
    text = json.dumps(
        {
            "name": "test",
            "out": str(out),
            "collect": {"sources": [source]},
            "pair": {"judge": "human", "strategy": "votes", "filters": {"min_length": 1}},
        },
        ensure_ascii=False,
    )
    file.write_text(text, encoding="utf-8")
    return file


def made(file: Path) -> list[dict[str, Any]]:
    """The rows that the pipeline exports, by every format."""
    config = load(file)
    with Store(config.store_path) as store:
        context = Context(config, store)
        pipeline.collect(context)
        pairing = pipeline.pair(pipeline.resolve(config), context)
        done = export(store, pairing.key, config.out / "again", held_out=0.1, formats=["parquet", "jsonl"])
        found = [json.loads(line) for line in (done.folder / "train.jsonl").read_text("utf-8").splitlines()]
        shards = sorted(done.folder.glob("train*.parquet"))
        assert len(found) == sum(pyarrow.parquet.ParquetFile(shard).metadata.num_rows for shard in shards)
        # The source is the name of the file, which differs.
        return [{name: value for name, value in row.items() if name != "source"} for row in found]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows that a folder with a plain name gives."""
    plain = tmp_path_factory.mktemp("plain")
    lines(plain / "rows.jsonl", rows("right"))
    return made(project(plain, plain / "out", plain / "rows.jsonl"))


@pytest.mark.parametrize(("name", "kind"), [(name, list(WRITERS)[place % 2]) for place, name in enumerate(NAMES)])
def test_a_folder_may_have_any_name(name: str, kind: str, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    for decoy in DECOYS:
        (tmp_path / decoy).mkdir(exist_ok=True)
        WRITERS[kind](tmp_path / decoy / f"rows.{kind}", rows("wrong"))
    folder = tmp_path / name
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{folder.name}.{kind}"
    WRITERS[kind](data, rows("right"))
    found = made(project(folder, folder / "out", data))
    assert found == expected != []
    assert all(row["chosen"][-1]["content"].startswith("right") for row in found)


@pytest.mark.parametrize("name", ["a?b", "a\\b"])
def test_a_store_in_a_folder_that_duckdb_cannot_open_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="DuckDB cannot open a database whose path holds") as error:
        Store(tmp_path / name / "store.duckdb")
    assert error.value.where == str(tmp_path / name / "store.duckdb")
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["a?b", "a\\b", b"f\xfc\xdfe"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_source_in_such_a_folder_is_read(
    name: str | bytes, kind: str, expected: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), os.fsencode(name))))  # noqa: PTH118
    folder.mkdir()
    WRITERS[kind](folder / f"rows.{kind}", rows("right"))
    file = project(tmp_path, tmp_path / "out", Path(f"../{tmp_path.name}/link.{kind}"))
    (tmp_path / f"link.{kind}").symlink_to(folder / f"rows.{kind}")
    assert made(file) == expected


def test_a_path_that_is_not_utf8_is_shown_with_escapes(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xfc\xdfe"))
    folder.mkdir()
    lines(folder / "rows.jsonl", [{"prompt": "A"}, {"prompt": 5}])
    file = folder / "pipeline.yaml"
    file.write_text(
        json.dumps({"name": "t", "out": str(tmp_path / "out"), "collect": {"sources": [{"path": "rows.jsonl"}]}})
    )
    config = load(file)
    with Store(config.store_path) as store:
        pipeline.collect(Context(config, store))
        assert store.rows("SELECT source FROM dropped") == [{"source": f"{tmp_path}/f\\udcfc\\udcdfe/rows.jsonl:2"}]
    with pytest.raises(InputError, match="not UTF-8") as error:
        Store(folder / "store.duckdb")
    assert error.value.where.encode()


def test_a_duckdb_source_with_a_question_mark_in_its_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a?b.duckdb").touch()
    file = project(tmp_path, tmp_path / "out", tmp_path / "a?b.duckdb")
    with Store(tmp_path / "out/store.duckdb") as store, pytest.raises(InputError, match="holds '\\?'"):
        pipeline.collect(Context(load(file), store))


def test_a_whole_run_in_a_folder_that_is_not_utf8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xfc\xdfe"))
    folder.mkdir()
    lines(folder / "rows.jsonl", rows("right"))
    file = project(folder, tmp_path / "out", Path("rows.jsonl"))
    command = [sys.executable, "-m", "rlaif", "run", str(file)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
        assert [row["n"] for row in store.rows("SELECT count(*) AS n FROM pairs")] == [4]
    done = subprocess.run([*command, "--set", b"out=f\xfc"], capture_output=True, check=False, cwd=ROOT)
    assert (done.returncode, b"not UTF-8" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", ["lead=9/prompt=7", "made=1"])
def test_a_custom_strategy_in_a_folder_with_an_equals_sign_is_read(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    lines(folder / "rows.jsonl", rows("right"))
    file = project(folder, folder / "out", Path("rows.jsonl"))
    (folder / "own.sql").write_text(
        "SELECT prompt, if(preferred = 'first', first, second) AS chosen, if(preferred = 'first', second, first) AS rejected, "
        "0.5 AS lead FROM compared WHERE strength = 1"
    )
    file.write_text(file.read_text().replace('"strategy": "votes"', '"strategy": "own.sql"'))
    found = made(file)
    assert {row["chosen"][-1]["content"].rpartition(" ")[0] for row in found} == {"right yes", "right no"}
    assert len(found) == 3


def test_a_benchmark_in_a_folder_with_a_key_and_a_value_is_read_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "text=harmless"
    folder.mkdir()
    lines(folder / "rows.jsonl", rows("right"))
    (folder / "bench.parquet").write_bytes(parquet([{"text": "right 1?"}]))
    file = project(folder, folder / "out", Path("rows.jsonl"))
    file.write_text(file.read_text().replace('"min_length": 1', '"contamination": {"files": ["bench.parquet"]}'))
    config = load(file)
    with Store(config.store_path) as store:
        pipeline.collect(Context(config, store))
        assert pipeline.pair(pipeline.resolve(config), Context(config, store)).outcomes == {
            "paired": 3,
            "filtered: holds text of bench.parquet": 1,
        }
