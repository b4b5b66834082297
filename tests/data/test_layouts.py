"""The layouts of public data sets: every label of a golden file, in both directions, and what odd rows come to."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.core.errors import InputError
from rlaif.data.layouts import load, names
from rlaif.data.sources.responses import value_of
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.shape import Shape, shape_of
from rlaif.data.sources.shaped import by_layout
from rlaif.store.store import Store
from tests.support.collecting import collected, column, dropped
from tests.support.paths import ROOT, TESTS

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


def generators(store: Store) -> set[str]:
    listed = [json.loads(each).get("generators", []) for each in column(store, "SELECT metadata FROM current_prompts")]
    return {name for names_of in listed for name in names_of if name is not None}


def prompts(store: Store) -> list[Any]:
    return [json.loads(each) for each in column(store, "SELECT messages FROM current_prompts ORDER BY position")]


@pytest.mark.parametrize("name", names())
def test_every_label_of_the_golden_file_is_read_as_it_is_meant(name: str, tmp_path: Path) -> None:
    truth = truth_of(name)
    with read(tmp_path, name, rows_of(name), max_bad_rows=0) as store:
        assert prompts(store) == truth["prompts"]
        assert preferences(store) == truth["preferences"]
        assert scores(store) == sorted(([*each[:3], float(each[3])] for each in truth["scores"]), key=str)
        assert generators(store) == set(truth["generators"].values()) - {"imported"}
        assert {f"{what}: {reason}": n for (what, reason), n in dropped(store).items()} == truth["dropped"]


@pytest.mark.parametrize("name", names())
def test_a_missing_column_is_named_with_the_fix(name: str, tmp_path: Path) -> None:
    present = set().union(*rows_of(name))
    for alternatives in load(name).columns:
        rows = [{f"old_{key}" if key in alternatives else key: row[key] for key in row} for row in rows_of(name)]
        with pytest.raises(InputError) as raised:
            read(tmp_path, name, rows)
        assert repr(alternatives[0]) in raised.value.what
        assert "--guess" in raised.value.fix
        assert present.intersection(alternatives)


# The columns with codes or strengths, in which an unknown text must not become a label.
CODES = {
    "alpaca_eval_annotations": ["preference"],
    "arena_140k": ["winner"],
    "arena_33k": ["winner"],
    "arena_55k": ["winner_model_a", "winner_model_b", "winner_tie"],
    "helpsteer2_preference": ["preference_strength"],
    "helpsteer3": ["overall_preference"],
    "judgebench": ["label"],
    "judgebench_outputs": ["label"],
    "kto": ["label"],
    "llmbar": ["label"],
    "llmbar_results": ["label"],
    "pandalm": ["annotator1", "annotator2", "annotator3"],
    "pku_saferlhf": ["better_response_id", "safer_response_id"],
    "prometheus_preference": ["orig_preference"],
    "shp": ["labels"],
    "trl_stepwise": ["labels"],
    "webgpt": ["score_0", "score_1"],
}
ODD = [None, 99, -99, "?", "", [], {}, ["?"]]


def labels(name: str, rows: list[dict[str, Any]]) -> list[list[Any] | None]:
    """The labels that the layout reads in each row; None for a row that is dropped, or has a dropped vote."""
    read = by_layout(((str(place), row) for place, row in enumerate(rows)), load(name))
    return [_labels_or_drop(row) for _, row in read]


def _labels_or_drop(row: Any) -> list[Any] | None:
    try:
        shape = None if isinstance(row, RowError) else shape_of(row)
    except RowError:
        return None
    return None if shape is None else _labels(shape)


def _labels(shape: Shape) -> list[Any]:
    texts = [each.text for each in shape.answers]
    votes = [(judge, v) for judge, v in shape.votes if v.lost is None and texts[v.first] and texts[v.second]]
    found: list[Any] = [
        _preference(
            {
                "a": texts[v.first],
                "b": texts[v.second],
                "judge": judge,
                "preferred": v.preferred,
                "probability": v.probability,
            }
        )
        for judge, v in votes
    ]
    for place, judge, given in shape.scored:
        for scores, value in given:
            number, wrong = value_of(value, scores)
            if not wrong and texts[place]:
                found.append([texts[place], judge, scores.criterion, number])
    return found


def known(name: str) -> list[Any]:
    truth = truth_of(name)
    return [*truth["preferences"], *([*each[:3], float(each[3])] for each in truth["scores"])]


CRITERIA = {each[2] for name in names() for each in truth_of(name)["scores"]}


def judged(label: list[Any]) -> list[Any]:
    """A label without the judge, whose name may be among the odd values."""
    return [label[0], label[2], label[3]] if label[2] in CRITERIA else [*label[:2], label[3]]


def odd_rows(name: str) -> list[tuple[str, Any, dict[str, Any]]]:
    """The golden rows with one value replaced. Texts are replaced by other types, because another text may be meant."""
    found = []
    for row in rows_of(name):
        for key, value in row.items():
            for odd in ODD:
                is_text = isinstance(value, str | list | dict) and isinstance(odd, str | list) and odd
                if not is_text or key in CODES.get(name, []):
                    found.append((key, odd, {**row, key: odd}))
    return found


@pytest.mark.parametrize("name", names())
def test_an_odd_value_gives_no_other_label(name: str) -> None:
    changed, right = odd_rows(name), [judged(each) for each in known(name)]
    found = labels(name, [row for _, _, row in changed])
    for (key, odd, _), read in zip(changed, found, strict=True):
        assert [each for each in read or [] if judged(each) not in right] == [], (key, odd)
        if key in CODES.get(name, []):
            assert not read, (key, odd)


def nested(value: Any) -> list[Any]:
    """Copies of a value with one leaf replaced by null or by an impossible number."""
    if isinstance(value, dict):
        return [{**value, key: other} for key, item in value.items() for other in nested(item)]
    if isinstance(value, list):
        return [[*value[:at], other, *value[at + 1 :]] for at, item in enumerate(value) for other in nested(item)]
    return [None, 99]


NESTED = [name for name in names() if any(isinstance(value, dict | list) for value in rows_of(name)[0].values())]


@pytest.mark.parametrize("name", NESTED)
def test_an_odd_nested_value_gives_no_other_label(name: str) -> None:
    rows = [
        {**row, key: other}
        for row in rows_of(name)
        for key, value in row.items()
        if isinstance(value, dict | list)
        for other in nested(value)
    ]
    found = [each for read in labels(name, rows) for each in read or []]
    assert [each for each in found if each not in known(name)] == []


def test_the_documentation_lists_every_layout() -> None:
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    assert [name for name in names() if f"| `{name}` | {load(name).title} | {load(name).card} |" not in page] == []
