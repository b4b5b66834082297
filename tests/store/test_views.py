"""The open data: views as given rows and expected rows, PAGE's queries, and a command that can only read."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.context.run import now
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.report.sql import as_csv, query
from rlaif.store.store import Row, Store
from tests.support import report_store
from tests.support.command_line import rlaif
from tests.support.paths import ROOT
from tests.support.scripted_pipeline import go, project, rows
from tests.support.stores import GENERATOR, JUDGE, context, criteria, fill, make_pairs, prompt

PAGE = (ROOT / "docs/report.md").read_text(encoding="utf-8")
TABLE: dict[str, list[dict[str, Any]]] = {
    "one": [{"text": "a good one", "help": 5, "faith": 4}, {"text": "bad", "help": 1, "faith": "malformed"}],
    "two": [
        {"text": "yes", "help": 4, "faith": 4},
        {"text": "no", "help": 2, "faith": 4},
        {"text": "x", "failure": "timeout"},
    ],
}


def filled(folder: Path) -> Path:
    with Store(folder / "store.duckdb") as store:
        fill(store, TABLE)
        store.append("judges", [{"key": JUDGE, "name": "critic", "spec": "{}"}])
        store.append("generators", [{"key": GENERATOR, "name": "writer", "spec": "{}"}])
        given = criteria({"help": (1, 5), "faith": (1, 5)})
        store.append(
            "criteria",
            [
                {name: row[name] for name in ("key", "name", "low", "high")} | {"kind": "scale", "spec": "{}"}
                for row in given
            ],
        )
        make_pairs(context(store, folder, pair={"weights": {"faith": 0}}), JUDGE, [GENERATOR], given)
    return folder / "store.duckdb"


CASES = {
    "SELECT request, turns FROM prompts_readable ORDER BY position": [("one", 1), ("two", 1)],
    "SELECT request, generator, text, words, failure FROM responses_readable ORDER BY text": [
        ("one", "writer", "a good one", 3, None),
        ("one", "writer", "bad", 1, None),
        ("two", "writer", "no", 1, None),
        ("two", "writer", "x", 1, "timeout"),
        ("two", "writer", "yes", 1, None),
    ],
    "SELECT text, judge, criterion, score, percent, failure FROM responses_scored WHERE request = 'one' ORDER BY text, criterion": [
        ("a good one", "critic", "faith", 4.0, 75.0, None),
        ("a good one", "critic", "help", 5.0, 100.0, None),
        ("bad", "critic", "faith", None, None, "malformed"),
        ("bad", "critic", "help", 1.0, 0.0, None),
    ],
    "SELECT DISTINCT judge, judge_key FROM responses_scored": [("critic", JUDGE)],
    "SELECT newest, strategy, judge, pairs FROM pairings_readable": [(True, "best_vs_worst", "critic", 2)],
    "SELECT request, chosen, rejected, margin, chosen_words, judge FROM pairs_readable ORDER BY request": [
        ("one", "a good one", "bad", 100.0, 3, "critic"),
        ("two", "yes", "no", 50.0, 1, "critic"),
    ],
    "SELECT request, text, outcome FROM outcomes_readable WHERE request = 'two' ORDER BY text NULLS FIRST": [
        ("two", None, "paired"),
        ("two", "no", "rejected"),
        ("two", "x", "not generated: timeout"),
        ("two", "yes", "chosen"),
    ],
}


def test_views_return_the_documented_rows(tmp_path: Path) -> None:
    with Store(filled(tmp_path), read_only=True) as store:
        for statement, expected in CASES.items():
            assert [tuple(row.values()) for row in query(store, statement)] == expected, statement


def test_the_outcomes_of_a_pairing_are_those_of_the_responses_that_it_saw(tmp_path: Path) -> None:
    with Store(filled(tmp_path)) as store:
        before = store.rows("SELECT response, outcome FROM outcomes ORDER BY ALL")
        later = {
            "prompt": prompt("one").key,
            "generator": GENERATOR,
            "answer": key("late"),
            "finish": "stop",
            "created": now(),
            "kept_after": 1,
        }
        store.append("responses", [later | {"key": "z", "text": "late", "sample": 8, "attempt": 0}])
        assert store.rows("SELECT response, outcome FROM outcomes ORDER BY ALL") == before
        make_pairs(context(store, tmp_path), JUDGE, [GENERATOR], criteria({"help": (1, 5)}))
        both = store.rows("SELECT outcome FROM outcomes WHERE response = 'z'")
        assert both == [{"outcome": "not judged"}]


def test_every_table_and_view_is_described_in_a_comment(tmp_path: Path) -> None:
    folder = ROOT / "rlaif/store"
    for view in re.findall(r"(.*)\nCREATE OR REPLACE VIEW", (folder / "views.sql").read_text()):
        assert view.startswith("--"), view


def test_the_queries_of_the_documentation_give_rows(tmp_path: Path) -> None:
    queries = re.findall(r"(?ms)^```sql\n(.*?)```", PAGE)
    assert len(queries) >= 5
    file = project(tmp_path)
    go(file, "pair.min_margin=10")
    for statement in queries:
        with Store(tmp_path / "out/store.duckdb", read_only=True) as store:
            assert query(store, statement), statement


REFUSED = {
    "a file outside": "FROM read_csv('{file}')",
    "a file by its name": "FROM '{file}'",
    "a copy to a file": "COPY pairs TO '{file}'",
    "another store": "ATTACH '{file}'",
    "an extension": "LOAD httpfs",
    "a dropped table": "DROP TABLE pairs",
    "a deletion that hides behind a reading": "SELECT 1); DELETE FROM store.pairs; SELECT (1",
    "an unlocked setting": "SELECT 1); SET enable_external_access = true; SELECT (1",
    "no statement": " ; ",
    "an unknown column": "SELECT nope FROM pairs",
    "a parameter": "SELECT $x",
}


@pytest.mark.parametrize("name", REFUSED)
def test_statements_that_do_not_read_the_store_are_refused(name: str, tmp_path: Path) -> None:
    path = filled(tmp_path)
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    before = path.read_bytes()
    with Store(path, read_only=True) as store, pytest.raises(InputError):
        query(store, REFUSED[name].format(file=tmp_path / "x.csv"))
    assert path.read_bytes() == before
    assert (tmp_path / "x.csv").read_text() == "a,b\n1,2\n"


def test_an_error_names_the_line_that_the_user_wrote(tmp_path: Path) -> None:
    with Store(filled(tmp_path), read_only=True) as store, pytest.raises(InputError, match=r"LINE 2: FROM nowhere"):
        query(store, "SELECT 1\nFROM nowhere")


def test_the_command_prints_a_table_json_or_csv(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    statement = "SELECT request, generator FROM responses_readable ORDER BY request, sample LIMIT 1"
    assert "Sum up report 0." in rlaif("sql", str(file), statement).stdout
    assert json.loads(rlaif("sql", str(file), statement, "--json").stdout) == [
        {"request": "Sum up report 0.", "generator": "writer"}
    ]
    assert rlaif("sql", str(file), statement, "--csv").stdout == "request,generator\nSum up report 0.,writer\n"
    wrong = rlaif("sql", str(file), "SELECT nope")
    assert wrong.returncode == 2
    assert "nope" in wrong.stderr


def test_csv_holds_any_text_and_no_row_at_all() -> None:
    text = 'a "b"\n, c'
    assert list(csv.reader(io.StringIO(as_csv([{"x": text, "y": None}])))) == [["x", "y"], [text, ""]]
    assert as_csv([]) == "\n"


@pytest.mark.fault("P11")
def test_a_store_full_of_hostile_text_moves_no_cursor(tmp_path: Path) -> None:
    from rich.console import Console

    from rlaif.report.sql import render

    with Store(tmp_path / "store.duckdb") as store:
        report_store.fill(store, prompts=3, hostile=True)
    with Store(tmp_path / "store.duckdb", read_only=True) as store:
        found = query(store, 'SELECT request AS "[red]x", text FROM responses_readable WHERE failure IS NULL LIMIT 2')
    console = Console(file=io.StringIO(), width=100)
    render(found, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x" in text


def shown(table: list[Row], width: int) -> list[str]:
    from rich.console import Console

    from rlaif.report.sql import render

    console = Console(file=io.StringIO(), width=width)
    render(table, console)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_rows_whose_columns_would_be_too_narrow_stand_one_below_the_other() -> None:
    row = {"request": "Sum up report 1.", "chosen": "Crates " * 20, "margin": 12.5, "confidence": None}
    assert "request" in shown([row], 100)[1], "a table, with its names in one line"
    lines = shown([row, row], 40)
    assert [line.split()[0] for line in lines if line and line[0] != " "] == [*row, *row]
    assert all(len(line) <= 40 for line in lines)


def test_a_prompt_is_known_by_its_last_user_turn(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "last"},
    ]
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"one": []})
        store.run("UPDATE prompts SET messages = $messages", messages=json.dumps(turns))
        (row,) = store.rows("FROM prompts_readable")
    assert (row["prompt"], row["request"], row["turns"]) == (prompt("one").key, "last", 4)


SCORED = "SELECT count(*) AS n, count(DISTINCT response) AS responses FROM {}"


def changed(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def counts(file: Path, view: str) -> tuple[int, int]:
    (found,) = rows(file, SCORED.format(view))
    return found["n"], found["responses"]


@pytest.mark.parametrize(
    ("what", "name", "old", "new"),
    [
        ("a wording", "rubric.yaml", "Is every statement", "Is each statement"),
        pytest.param("a judge's model", "loop.yaml", "salt: a,", "salt: other,", marks=pytest.mark.slow),
        pytest.param("a judge's settings", "loop.yaml", "calls: apart", "calls: together", marks=pytest.mark.slow),
        ("a generator's settings", "loop.yaml", "samples: 3", "samples: 3, temperature: 0.5"),
    ],
)
def test_views_show_the_current_version_and_all_when_asked(what: str, name: str, old: str, new: str, tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    changed(tmp_path, "loop.yaml", "malformed: 0.1, ", "")
    go(file)
    assert counts(file, "responses_scored") == (36, 12)
    changed(tmp_path, name, old, new)
    go(file)
    assert counts(file, "responses_scored") == (36, 12), what
    both, responses = counts(file, "responses_scored_all")
    assert both > 36
    assert counts(file, "(FROM responses_scored_all WHERE current)") == (36, 12)
    assert len(rows(file, "FROM responses_readable")) == 12
    assert len(rows(file, "FROM responses_readable_all")) == responses
    # The newest pairs are of the new version, and the earlier ones can still be read.
    assert {row["newest"] for row in rows(file, "FROM pairs_readable")} == {True, False}
    which = "SELECT response, judge_key, criterion_key FROM responses_scored_all WHERE current ORDER BY ALL"
    second = rows(file, which)
    changed(tmp_path, name, new, old)
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.pair(plan, context)
    assert counts(file, "responses_scored") == (36, 12), "back at the first version, which asks nothing"
    assert rows(file, which) != second
    assert len(rows(file, "FROM responses_readable")) == 12


def test_an_override_for_one_command_makes_its_version_the_current_one(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    go(file, "models.first.salt=other")
    keys = "SELECT DISTINCT judge_key FROM responses_scored"
    (second,) = rows(file, keys)
    go(file)
    (first,) = rows(file, keys)
    assert first != second


def test_a_store_without_versions_in_use_shows_those_that_were_registered_last(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    go(file, "models.first.salt=other")
    wanted = rows(file, "SELECT DISTINCT judge_key FROM responses_scored")
    with Store(load(file).store_path) as store:
        store.run("DELETE FROM in_use")
    assert rows(file, "SELECT DISTINCT judge_key FROM responses_scored") == wanted
    assert len(rows(file, "FROM responses_readable")) == 9


def test_two_judges_and_imported_ones_are_all_current(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file, "judge.by=[a, b]")
    assert {row["judge"] for row in rows(file, "FROM responses_scored")} == {"a", "b"}
    go(file)
    assert {row["judge"] for row in rows(file, "FROM responses_scored")} == {"a", "b"}
