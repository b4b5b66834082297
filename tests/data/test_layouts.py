"""The layouts of public data sets: every label of a golden file, in both directions, and what odd rows come to."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.core.errors import InputError
from rlaif.data.layouts import load, names
from rlaif.store.store import Store
from tests.support.collecting import collected, column, dropped
from tests.support.paths import TESTS

GOLDEN = TESTS / "data" / "layouts"
# Small files with a few bad rows pass, so that the drops can be counted.
LENIENT = {"max_bad_rows": 1.0}


def rows_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def truth_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.truth.json").read_text(encoding="utf-8"))
    return found


def read(folder: Path, name: str, rows: list[dict[str, Any]], **section: Any) -> Store:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    return collected(folder, {"layout": name}, **(LENIENT | section))


def preferences(store: Store) -> list[list[Any]]:
    """[better, worse, judge, probability or "tie"] of every stored comparison; null if it has no strength."""
    rows = store.rows(
        "SELECT DISTINCT a.text AS a, b.text AS b, judges.name AS judge, preferred, probability FROM comparisons "
        "JOIN responses AS a ON a.answer = first JOIN responses AS b ON b.answer = second JOIN judges ON judges.key = judge"
    )
    return sorted((_preference(row) for row in rows), key=str)


def _preference(row: dict[str, Any]) -> list[Any]:
    first = None if row["probability"] is None else float(row["probability"])
    if row["preferred"] == "tie":
        assert first in (None, 0.5)
        return [row["a"], row["b"], row["judge"], "tie"]
    if row["preferred"] == "first":
        return [row["a"], row["b"], row["judge"], first]
    return [row["b"], row["a"], row["judge"], None if first is None else round(1 - first, 6)]


def scores(store: Store) -> list[list[Any]]:
    rows = store.rows(
        "SELECT DISTINCT text, judges.name AS judge, criteria.name AS criterion, value FROM scores "
        "JOIN responses USING (answer) JOIN judges ON judges.key = judge JOIN criteria ON criteria.key = criterion"
    )
    return sorted(([row["text"], row["judge"], row["criterion"], float(row["value"])] for row in rows), key=str)


def generators(store: Store) -> dict[str, str]:
    rows = store.rows("SELECT text, name FROM responses JOIN generators ON generators.key = generator")
    return {row["text"]: row["name"] for row in rows}


def prompts(store: Store) -> list[Any]:
    return [json.loads(each) for each in column(store, "SELECT messages FROM current_prompts ORDER BY position")]


@pytest.mark.parametrize("name", names())
def test_every_label_of_the_golden_file_is_read_as_it_is_meant(name: str, tmp_path: Path) -> None:
    truth = truth_of(name)
    with read(tmp_path, name, rows_of(name), max_bad_rows=0) as store:
        assert prompts(store) == truth["prompts"]
        assert preferences(store) == truth["preferences"]
        assert scores(store) == sorted(([*each[:3], float(each[3])] for each in truth["scores"]), key=str)
        if truth["generators"]:
            assert generators(store) == truth["generators"]
        assert {f"{what}: {reason}": n for (what, reason), n in dropped(store).items()} == truth["dropped"]
