"""Sources, data sets, stores, strategies and templates of strangers read no other file and reach no network."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from rlaif import pipeline
from rlaif.config import load
from rlaif.config.templates import Template
from rlaif.context.run import Context
from rlaif.core.errors import InputError, RlaifError, StoreError
from rlaif.data.sources import rows
from rlaif.report.sql import query
from rlaif.store.store import Store, sql

SECRET = "canary-7f3a"


def secret(folder: Path) -> Path:
    """A file outside the stranger's folder."""
    file = folder / "secret.txt"
    file.write_text(f"{SECRET}\n")
    return file


def config(folder: Path, source: dict[str, Any]) -> Any:
    file = folder / "x.yaml"
    file.write_text(yaml.safe_dump({"name": "x", "collect": {"sources": [source]}}))
    return load(file)


def stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


SQL = {
    "a view over a file": "CREATE VIEW t AS SELECT content AS prompt FROM read_text('{file}')",
    "a view over lines": "CREATE VIEW t AS SELECT column0 AS prompt FROM read_csv('{file}', header = false)",
    "a view over a pattern": "CREATE VIEW t AS SELECT content AS prompt FROM read_text('{folder}/*.txt')",
    "a view over file names": "CREATE VIEW t AS SELECT file AS prompt FROM glob('{folder}/*')",
    "a view by a bare name": "CREATE VIEW t AS SELECT content AS prompt FROM query('SELECT content FROM read_text(''{file}'')')",
    "a macro": "CREATE MACRO m() AS TABLE SELECT content AS prompt FROM read_text('{file}'); CREATE VIEW t AS FROM m()",
    "a scalar macro": "CREATE MACRO m() AS (SELECT content FROM read_text('{file}')); CREATE VIEW t AS SELECT m() AS prompt",
    "the network": "CREATE VIEW t AS SELECT content AS prompt FROM read_text('http://127.0.0.1:9/x')",
    "a bucket": "CREATE VIEW t AS SELECT content AS prompt FROM read_text('s3://bucket/x')",
    "another database": "CREATE VIEW t AS SELECT content AS prompt FROM read_blob('{folder}/other.duckdb')",
    "secrets": "CREATE VIEW t AS SELECT name AS prompt FROM duckdb_secrets()",
    "a variable of Python": "CREATE VIEW t AS SELECT 'x' AS prompt; CREATE VIEW u AS SELECT prompt FROM t",
}


@pytest.mark.parametrize("case", SQL)
def test_sql_in_a_source_database_reaches_nothing(case: str, tmp_path: Path) -> None:
    outside, here = tmp_path / "outside", tmp_path / "here"
    outside.mkdir()
    here.mkdir()
    file = secret(outside)
    with duckdb.connect(str(here / "p.duckdb")) as connection:
        # A view whose file cannot be read while it is made is not checked.
        for statement in SQL[case].format(file=file, folder=outside).split("; "):
            try:
                connection.execute(statement)
            except duckdb.Error:
                pytest.skip("this DuckDB does not even make it")
    try:
        found = list(rows(config(here, {"path": "p.duckdb", "table": "t"}), 0))
    except InputError as error:
        assert SECRET not in str(error)
    else:
        assert SECRET not in str(found)


def test_a_plain_view_of_a_source_is_read(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "p.duckdb")) as connection:
        connection.execute("CREATE TABLE s AS SELECT 'hello' AS prompt; CREATE VIEW t AS FROM s")
    assert [row for _, row in rows(config(tmp_path, {"path": "p.duckdb", "table": "t"}), 0)] == [{"prompt": "hello"}]


@pytest.mark.parametrize("kind", ["SQLite", "text", "empty", "a link", "a folder", "missing"])
def test_a_file_that_is_not_a_database_is_refused(kind: str, tmp_path: Path) -> None:
    file, here = tmp_path / "here" / "p.db", tmp_path / "here"
    here.mkdir()
    match kind:
        case "SQLite":
            import sqlite3

            with sqlite3.connect(file) as connection:
                connection.execute("CREATE TABLE t (prompt)")
        case "text":
            file.write_text("hello" * 1000)
        case "empty":
            file.touch()
        case "a link":
            file.symlink_to(secret(tmp_path))
        case "a folder":
            file.mkdir()
    with pytest.raises(InputError) as error:
        list(rows(config(here, {"path": "p.db", "table": "t"}), 0))
    assert kind != "SQLite" or "SQLite" in str(error.value)


@pytest.mark.parametrize("name", ["p.jsonl", "p.json", "p.csv", "p.parquet", "p.duckdb"])
def test_a_source_that_is_a_link_to_another_folder_is_refused(name: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / name).symlink_to(secret(tmp_path))
    with pytest.raises(InputError, match="link"):
        list(rows(config(here, {"path": name, "table": "t"}), 0))


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/x.parquet",
        "http://127.0.0.1:9/x.jsonl",
        "hf://datasets/a/b/x.csv",
        "file:///etc/passwd",
        "a\0b.csv",
        "x" * 5000 + ".csv",
    ],
)
@pytest.mark.parametrize("key", ["path", "dataset"])
def test_an_address_is_refused_as_a_source(key: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        list(rows(config(tmp_path, {key: address}), 0))


CARDS = {
    "a folder above": {"data_files": "../secret.txt"},
    "a list": {"data_files": ["train.jsonl", "../secret.txt"]},
    "by split": {"data_files": [{"split": "train", "path": "../secret.txt"}]},
    "by split, a list": {"data_files": [{"split": "train", "path": ["x/../../secret.txt"]}]},
    "an absolute path": {"data_files": "{outside}/secret.txt"},
    "a pattern": {"data_files": "../*.txt"},
    "a web address": {"data_files": "http://127.0.0.1:9/x"},
    "a chained address": {"data_files": "zip://x::http://127.0.0.1:9/x"},
    "another folder": {"data_dir": ".."},
    "home": {"data_files": "~/.ssh/id_rsa"},
    "a drive": {"data_files": "C:\\secret.txt"},
}


@pytest.mark.parametrize("name", ["README.md", ".huggingface.yaml"])
@pytest.mark.parametrize("case", CARDS)
def test_a_card_names_no_file_outside_its_folder(case: str, name: str, tmp_path: Path) -> None:
    secret(tmp_path)
    folder = tmp_path / "here" / "data"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"prompt": "hello"}\n')
    settings = yaml.safe_dump({"configs": [{"config_name": "default", **CARDS[case]}]}).replace("{outside}", str(tmp_path))
    (folder / name).write_text(settings if name.endswith("yaml") else f"---\n{settings}---\n# Data\n")
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        list(rows(config(tmp_path / "here", {"dataset": "data"}), 0))


def data_set(folder: Path, what: str, outside: Path) -> None:
    match what:
        case "a script":
            (folder / "data.py").write_text(f"open({str(outside / 'ran')!r}, 'w')\n")
        case "a link to a file":
            (folder / "more.jsonl").symlink_to(outside / "secret.txt")
        case "a link to a folder":
            (folder / "more").symlink_to(outside, target_is_directory=True)
        case "a link of links":
            (folder / "more.jsonl").symlink_to(folder / "more.jsonl")
        case "a saved data set of other files":
            (folder / "state.json").write_text(
                json.dumps({"_data_files": [{"filename": "../../secret.txt"}], "_fingerprint": "x"})
            )
            (folder / "dataset_info.json").write_text("{}")
        case "a saved state that is deep":
            (folder / "state.json").write_text("[" * 100_000)
        case "a card that is a bomb":
            (folder / "README.md").write_text("---\na: &a [x,x]\nb: &b [*a,*a]\nconfigs: " + "[" * 5000 + "\n---\n")


@pytest.mark.parametrize(
    "what",
    [
        "a script",
        "a link to a file",
        "a link to a folder",
        "a link of links",
        "a saved data set of other files",
        "a saved state that is deep",
        "a card that is a bomb",
    ],
)
def test_a_folder_that_would_read_or_run_something_else_is_refused(what: str, tmp_path: Path) -> None:
    secret(tmp_path)
    folder = tmp_path / "here" / "data"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"prompt": "hello"}\n')
    data_set(folder, what, tmp_path)
    with pytest.raises(InputError):
        list(rows(config(tmp_path / "here", {"dataset": "data"}), 0))
    assert not (tmp_path / "ran").exists()


def test_a_plain_folder_with_a_card_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"prompt": "hello"}\n')
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: train.jsonl\n---\nSee ../x and http://x.\n"
    )
    assert [row for _, row in rows(config(tmp_path, {"dataset": "data"}), 0)] == [{"prompt": "hello"}]


# What a stranger does to a store, and whether it is refused; a view is replaced by the program's own.
STORES = {
    "a view of ours over a file": (
        "CREATE OR REPLACE VIEW prompts_readable AS SELECT content AS prompt, 1 AS turns, content AS request, content AS document, "
        "'' AS reference, '' AS metadata, '' AS source, 0 AS bucket, 0 AS position FROM read_text('{file}')",
        False,
    ),
    "another view over a file": ("CREATE VIEW extra AS FROM read_text('{file}')", False),
    "a table that is a view": ("DROP TABLE prompts; CREATE VIEW prompts AS FROM read_text('{file}')", True),
    "a macro named like a function": ("CREATE MACRO len(x) AS 42", True),
    "a macro over a file": ("CREATE MACRO peek() AS TABLE FROM read_text('{file}')", True),
    "a type": ("CREATE TYPE mood AS ENUM ('a')", True),
    "a schema": ("CREATE SCHEMA other", True),
    "a sequence": ("CREATE SEQUENCE numbers", True),
    "an index": ("CREATE INDEX fast ON prompts (key)", True),
    "a default": ("ALTER TABLE prompts ALTER document SET DEFAULT 'x'", True),
    "a column less": ("ALTER TABLE prompts DROP document", True),
    "a column more": ("ALTER TABLE prompts ADD COLUMN more VARCHAR", True),
    "a column of another type": ("ALTER TABLE prompts ALTER document TYPE INTEGER", True),
    "a computed column": (
        "DROP TABLE active_prompts; CREATE TABLE active_prompts (x VARCHAR, prompt VARCHAR GENERATED ALWAYS AS (x || 'y'))",
        True,
    ),
    "a check": ("DROP TABLE active_prompts; CREATE TABLE active_prompts (prompt VARCHAR CHECK (prompt <> 'x'))", True),
    "a table less": ("DROP TABLE scores", True),
    "a version that is a text": ("UPDATE meta SET value = 'x' WHERE name = 'schema'", True),
    "a version that is huge": ("UPDATE meta SET value = repeat('9', 5000) WHERE name = 'schema'", True),
    "meta without columns": ("DROP TABLE meta; CREATE TABLE meta (x INTEGER)", True),
}


@pytest.mark.parametrize("read_only", [True, False], ids=["read", "written"])
@pytest.mark.parametrize("case", STORES)
def test_a_strangers_store_is_refused_or_harmless(case: str, read_only: bool, tmp_path: Path) -> None:
    outside, path = tmp_path / "outside", tmp_path / "here" / "store.duckdb"
    outside.mkdir()
    change, refused = STORES[case]
    Store(path).close()
    with duckdb.connect(str(path)) as connection:
        for statement in change.format(file=secret(outside)).split("; "):
            connection.execute(statement)
    if refused:
        with pytest.raises(StoreError):
            Store(path, read_only=read_only)
        return
    with Store(path, read_only=read_only) as store:
        assert store.rows("FROM prompts_readable") == []
        assert SECRET not in str(store.query("pipeline/sql/status/counts"))
        with pytest.raises(RlaifError):
            query(store, f"FROM read_text('{outside / 'secret.txt'}')")
    if not read_only and "ours" in case:
        # People who open the file with another program find the right view.
        with duckdb.connect(str(path)) as connection:
            assert connection.execute("FROM prompts_readable").fetchall() == []
    assert SECRET.encode() not in stored(path.parent)


def test_a_file_without_tables_is_refused_if_it_holds_a_function(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with duckdb.connect() as connection:
        # Without the version, this one would be refused as a file of a newer DuckDB.
        connection.execute(f"ATTACH '{path}' AS file (STORAGE_VERSION 'v1.5.0')")
        connection.execute("CREATE MACRO file.len(x) AS 42")
    for _ in range(2):
        with pytest.raises(StoreError, match="holds a function, 'len'"):
            Store(path)


@pytest.mark.parametrize(
    "statement",
    [
        "FROM read_text('{file}')",
        "FROM '{file}'",
        "FROM glob('{folder}/*')",
        "SELECT content FROM read_blob('{file}')",
        "FROM query('FROM read_text(''{file}'')')",
        "FROM store_path",
        "FROM sniff_csv('{file}')",
        "FROM parquet_metadata('{file}')",
        "FROM read_csv('{file}')",
        "FROM read_json('{file}')",
        "FROM duckdb_secrets()",
        "SELECT getenv('HOME')",
        "FROM which_secret('{file}', 's3')",
        "SELECT 1) ; ATTACH '{file}' AS x; SELECT (1",
        "FROM pragma_storage_info('{file}')",
        "SELECT current_setting('secret_directory')",
    ],
)
def test_sql_of_a_user_reads_the_store_alone(statement: str, tmp_path: Path) -> None:
    file, path = secret(tmp_path), tmp_path / "here" / "store.duckdb"
    Store(path).close()
    store_path = [SECRET]  # a variable that DuckDB would read as a table
    with Store(path, read_only=True) as store:
        try:
            found = query(store, statement.format(file=file, folder=tmp_path))
        except InputError as error:
            assert SECRET not in str(error)
        else:
            assert SECRET not in str(found)
            assert "secret.txt" not in str(found)
    assert store_path


def test_files_that_rlaif_reads_and_writes_stay_beside_the_store(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "p.jsonl").write_text('{"prompt": "hello"}\n')
    found = config(here, {"path": "p.jsonl"})
    with Store(here / "out" / "store.duckdb") as store:
        pipeline.collect(Context(found, store))
        store.write("SELECT 1 AS a", tmp_path / "elsewhere.parquet", "FORMAT parquet")
        assert [path.name for path in here.joinpath("out").iterdir() if "work" in path.name]
        for words in (
            f"COPY prompts TO '{tmp_path}/x'",
            f"ATTACH '{tmp_path}/x.duckdb'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
        ):
            with pytest.raises(duckdb.Error):
                store.run(words)
    assert sorted(path.name for path in here.joinpath("out").iterdir()) == ["store.duckdb"]
    assert duckdb.read_parquet(str(tmp_path / "elsewhere.parquet")).fetchall() == [(1,)]
    assert "read_text" not in sql("store/views")


def test_folders_that_killed_processes_left_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".store.duckdb.work-00000000"
    left.mkdir()
    (left / "rows").touch()
    Store(tmp_path / "store.duckdb").close()
    assert not left.exists()


def test_a_store_is_found_through_a_link_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk", target_is_directory=True)
    with Store(tmp_path / "runs" / "store.duckdb") as store, store.folder() as folder:
        store.run(f"COPY (SELECT 1 AS a) TO '{folder / 'x.parquet'}' (FORMAT parquet)")


TEMPLATES = {
    "a division by zero": "{{ 1 / 0 }}",
    "a sum of a number and a text": "{{ 1 + 'a' }}",
    "two loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a long text": "{{ 'a' * 10**9 }}",
    "a long text of long texts": "{{ ('a' * 10000) * 10000 * 10000 }}",
    "a text that doubles": "{% set a = 'a' * 1000 %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "a block that doubles": "{% set a %}aaaa{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}",
    "a name space that doubles": "{% set n = namespace(a='aaaa') %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}",
    "a large power": "{{ 9 ** 999999999 }}",
    "a macro that calls itself": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(1) }}",
    "a macro that calls itself twice": "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "a replacement": "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
    "a method that replaces": "{{ ('a' * 100000).replace('a', 'b' * 100000) }}",
    "a width": "{{ 'a' | center(1000000000) }}",
    "a width of a method": "{{ 'a'.ljust(1000000000) }}",
    "a width of a format": "{{ '%1000000000d' % 1 }}",
    "a width of another format": "{{ '{:1000000000}'.format(1) }}",
    "a width that is an argument": "{{ '{:{}}'.format(1, 1000000000) }}",
    "tabs": "{{ ('\\t' * 100000).expandtabs(10000) }}",
    "a join": "{{ (['a' * 10000] * 10000) | join('b' * 10000) }}",
    "a method that joins": "{{ ('b' * 10000).join(['a' * 10000] * 10000) }}",
    "a range": "{{ range(1000000000) }}",
    "a list": "{{ [0] * 10**9 }}",
    "an indentation": "{{ [1] | tojson(indent=1000000000) }}",
    "a loop that calls itself": "{% for a in range(10) recursive %}{{ loop([1]) }}{% endfor %}",
    "parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "conditions": "{% if x %}" * 2000 + "{% endif %}" * 2000,
    "a file": "{% include '/etc/passwd' %}",
    "a module": "{% import 'os' as y %}",
    "a class": "{{ x.__class__.__mro__ }}",
    "a class by filter": "{{ x | attr('__class__') }}",
    "the context": "{{ self._TemplateReference__context }}",
    "a large file": "a" * 300_000,
    "slow sums": "{% for i in range(100000) %}{{ range(100000) | sum }}{% endfor %}",
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_strangers_template_is_bounded_and_reaches_nothing(case: str, tmp_path: Path) -> None:
    file = tmp_path / "x.jinja"
    file.write_text(TEMPLATES[case])
    start = time.process_time()
    with pytest.raises(InputError, match=r"x\.jinja"):
        Template(file, frozenset({"x"})).render(x="hello")
    assert time.process_time() - start < 10


def test_ordinary_templates_work_as_before(tmp_path: Path) -> None:
    file = tmp_path / "x.jinja"
    file.write_text(
        "{% for a in x %}{{ loop.index }}/{{ loop.length }} {{ a ~ '!' }}{{ ', ' if not loop.last }}{% endfor %} {{ x | join('+') }}"
    )
    assert Template(file, frozenset({"x"})).render(x=["a", "b"]) == "1/2 a!, 2/2 b! a+b"


@pytest.mark.parametrize(
    "source",
    [
        "read_text('{file}')",
        "'{file}'",
        "read_csv('{file}')",
        "glob('{folder}/*')",
        "query('FROM read_text(''{file}'')')",
        "table_of_python",
        "(SELECT 1)) TO '{file}' (FORMAT csv); SELECT 1 FROM (SELECT 1",
    ],
)
def test_a_strategy_reads_only_its_own_tables(source: str, tmp_path: Path) -> None:
    from rlaif.pairs.sandbox import _answer

    table_of_python, file = [SECRET], secret(tmp_path)
    statement = f"SELECT 1 AS prompt, 2 AS chosen, 3 AS rejected, 4 AS lead FROM {source.format(file=file, folder=tmp_path)}"
    with pytest.raises(duckdb.Error):
        _answer(tmp_path / "work", [], statement, {}, tmp_path / "made")
    assert file.read_text() == f"{table_of_python[0]}\n"


def test_a_run_in_an_untrusted_folder_does_not_leak_the_secret(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    with duckdb.connect(str(here / "p.duckdb")) as connection:
        connection.execute(f"CREATE VIEW t AS SELECT content AS prompt FROM read_text('{secret(tmp_path)}')")
    file = config(here, {"path": "p.duckdb", "table": "t"}).file.path
    done = subprocess.run(
        [shutil.which("rlaif", path=str(Path(sys.executable).parent)) or "rlaif", "collect", str(file)],
        cwd=here,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert SECRET.encode() not in stored(here)
