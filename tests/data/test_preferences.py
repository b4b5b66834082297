"""Preferences that come with the data: codes mean what they are declared to mean, strengths keep their strength."""

import csv
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rlaif import pipeline
from rlaif.config import SourcePreferences, load
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.data.sources.responses import votes_of
from rlaif.pairs.pairing import Pairing
from rlaif.store.store import Row, Store
from tests.support.collecting import collected, column, comparisons, dropped, lines
from tests.support.displays import RecordedNotes

TWO = {"columns": {"responses": ["a", "b"]}}
BASE: dict[str, Any] = {"judge": "human", "column": "vote", "pairs": [[1, 2]]}


def source(*preferences: dict[str, Any]) -> dict[str, Any]:
    return TWO | {"preferences": [BASE | each for each in preferences]}


def rows(*votes: Any, name: str = "vote") -> list[dict[str, Any]]:
    """One prompt for each vote, with the responses good and bad."""
    return [{"prompt": f"p{n}", "a": f"good {n}", "b": f"bad {n}", name: vote} for n, vote in enumerate(votes)]


def preferred(store: Store) -> list[tuple[str, str, str]]:
    return [(row["first"][:-2], row["second"][:-2], row["preferred"]) for row in comparisons(store)]


LAYOUTS: dict[str, tuple[dict[str, Any], list[Any], list[str | None]]] = {
    "PKU-SafeRLHF": ({"first": 0, "second": 1}, [0, 1, 0], ["first", "second", "first"]),
    "SHP": ({"first": 1, "second": 0}, [0, 1, 0], ["second", "first", "second"]),
    "no tie unless declared": ({}, [1, 2, 0], ["first", "second", None]),
    "a declared tie": ({"tie": 0}, [1, 2, 0], ["first", "second", "tie"]),
    "booleans": ({"first": True, "second": False}, [True, False, True], ["first", "second", "first"]),
    "booleans declared as numbers": ({"first": 1, "second": 0}, [True, False, 1.0], ["first", "second", "first"]),
    "words": (
        {"first": "model_a", "second": "model_b", "tie": "tie"},
        ["tie", "model_b", "model_a"],
        ["tie", "second", "first"],
    ),
    "numbers as text": ({"first": "1", "second": "2"}, [1.0, " 2 ", "1.0"], ["first", "second", "first"]),
    "null is no code": ({"first": "None", "second": "nan"}, [None, "None", float("nan")], [None, "first", None]),
    "capitals differ": ({"first": "a", "second": "A"}, ["A", "a", "b"], ["second", "first", None]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_code_means_what_it_is_declared_to_mean(name: str, tmp_path: Path) -> None:
    codes, votes, expected = LAYOUTS[name]
    lines(tmp_path / "rows.jsonl", rows(*votes))
    with collected(tmp_path, source(codes)) as store:
        found = {row["first"]: row["preferred"] for row in comparisons(store)}
    assert [found.get(f"good {n}") for n in range(len(votes))] == expected


def test_an_undeclared_code_is_counted_and_reported_with_the_fix(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", rows(1, 2, 0, 0, None))
    told = RecordedNotes()
    with collected(tmp_path, source({}), progress=told) as store:
        assert dropped(store) == {("comparison", "unknown code"): 2, ("comparison", "missing"): 1}
        assert set(column(store, "SELECT detail FROM dropped WHERE reason = 'unknown code'")) == {"0"}
    assert any("'vote' that are not declared: 0 (2 x). Declare a tie as preferences.tie" in line for line in told.lines)


def test_a_preference_column_without_any_declared_code_stops_the_collection(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", rows("A", "B", "A"))
    with pytest.raises(InputError, match=r"no declared code \(first: 1, second: 2\), but A \(2 x\), B \(1 x\)") as error:
        collected(tmp_path, source({}))
    assert "pipeline.yaml:1" in error.value.where


EQUAL = [
    ({"first": 0, "second": 1, "tie": 0}, "`first` and `tie` have the same code, 0"),
    ({"first": 2}, "`first` and `second` have the same code, 2"),
    ({"first": 1, "second": "1.0"}, "same code, 1"),
    ({"first": True, "second": 1}, "same code, 1"),
    ({"first": False, "second": "1", "tie": 0.0}, "`first` and `tie` have the same code, 0"),
    ({"first": "true", "second": True}, "same code, 1"),
    ({"first": "a", "second": " a "}, "same code, a"),
    ({"first": " "}, "a code cannot be empty"),
    ({"scale": [1, 1]}, "two different numbers"),
    ({"scale": [0, float("inf")]}, "must be finite"),
    ({"scale": [-3, 3], "tie": 0}, "leave out `first`, `second` and `tie`"),
    ({"pairs": [[1, 3]]}, "`pairs` names response 3, and `columns.responses` has 2 columns"),
]


@pytest.mark.parametrize(("codes", "what"), EQUAL)
def test_codes_that_are_equal_are_a_mistake_in_the_pipeline_file(codes: dict[str, Any], what: str, tmp_path: Path) -> None:
    text = json.dumps({"name": "t", "collect": {"sources": [{"path": "rows.jsonl"} | source(codes)]}}, indent=1)
    (tmp_path / "pipeline.yaml").write_text(text.replace("Infinity", ".inf"))
    with pytest.raises(InputError) as error:
        load(tmp_path / "pipeline.yaml")
    assert what in error.value.what
    assert re.search(r"pipeline\.yaml:([5-9]|\d\d) collect\.sources\.0", error.value.where)


# Codes of every type, with the number or the word that each is.
CODES: list[tuple[Any, Fraction | str]] = [
    (0, Fraction(0)),
    (1, Fraction(1)),
    (2, Fraction(2)),
    (-1, Fraction(-1)),
    (10**20, Fraction(10**20)),
    (0.0, Fraction(0)),
    (1.0, Fraction(1)),
    (2.0, Fraction(2)),
    (0.5, Fraction(1, 2)),
    (1e20, Fraction(10**20)),
    (True, Fraction(1)),
    (False, Fraction(0)),
    ("0", Fraction(0)),
    ("1", Fraction(1)),
    ("1.0", Fraction(1)),
    (" 2 ", Fraction(2)),
    ("-1", Fraction(-1)),
    ("0.50", Fraction(1, 2)),
    ("true", Fraction(1)),
    ("False", Fraction(0)),
    ("A", "A"),
    ("a", "a"),
    ("B", "B"),
    ("tie", "tie"),
    ("1x", "1x"),
    ("[[A]]", "[[A]]"),
    (Decimal("1.00"), Fraction(1)),
    (Decimal(2), Fraction(2)),
    (Decimal("0.5"), Fraction(1, 2)),
    (Decimal(10**37), Fraction(10**37)),
    (10**37, Fraction(10**37)),
    ("first", "first"),
    ("second", "second"),
]
ANY_CODE = st.sampled_from(CODES)
PLAIN = st.sampled_from([each for each in CODES if not isinstance(each[0], Decimal)])


@settings(max_examples=600, deadline=None)
@given(PLAIN, PLAIN, st.none() | PLAIN, st.lists(ANY_CODE, max_size=6))
def test_any_codes_of_any_type_in_any_order_are_the_truth_or_a_mistake(
    first: tuple[Any, Any], second: tuple[Any, Any], tie: tuple[Any, Any] | None, given: list[tuple[Any, Any]]
) -> None:
    names = {"first": first, "second": second} | ({"tie": tie} if tie else {})
    truth = {what: name for name, (_, what) in names.items()}
    declared = BASE | {name: code for name, (code, _) in names.items()} | {"pairs": [(1, 2)] * max(len(given), 1)}
    if len(truth) < len(names):
        with pytest.raises(ValidationError, match="the same code"):
            SourcePreferences.model_validate(declared)
        return
    preferences = SourcePreferences.model_validate(declared)
    votes = votes_of({"vote": [code for code, _ in given] or None}, preferences)
    assert [vote.preferred for vote in votes] == ([truth.get(what) for _, what in given] or [None])
    assert all(vote.lost == (None if vote.preferred else "unknown code" if given else "missing") for vote in votes)


def as_csv(path: Path, found: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)


TYPES: dict[str, Any] = {
    "int64": pyarrow.int64(),
    "int8": pyarrow.int8(),
    "uint64": pyarrow.uint64(),
    "double": pyarrow.float64(),
    "float": pyarrow.float32(),
    "bool": pyarrow.bool_(),
    "string": pyarrow.string(),
    "decimal": pyarrow.decimal128(10, 2),
    "dictionary": pyarrow.dictionary(pyarrow.int8(), pyarrow.string()),
    "csv": None,
    "csv of floats": None,
    "csv of booleans": None,
}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_zeros_and_ones_in_a_file_of_any_type_give_the_same_votes(kind: str, swapped: bool, tmp_path: Path) -> None:
    ones = [1, 0, 0, 1]
    if kind.startswith("csv"):
        spelled = [float(one) if "floats" in kind else bool(one) if "booleans" in kind else one for one in ones]
        name = "rows.csv"
        as_csv(tmp_path / name, rows(*spelled))
    else:
        name, found = "rows.parquet", rows(*ones)
        values = [str(one) for one in ones] if kind in ("string", "dictionary") else ones
        votes = pyarrow.array(
            [bool(one) for one in ones]
            if kind == "bool"
            else [Decimal(one) for one in ones]
            if kind == "decimal"
            else values,
            TYPES[kind],
        )
        table = pyarrow.Table.from_pylist([{key: row[key] for key in ("prompt", "a", "b")} for row in found])
        pyarrow.parquet.write_table(table.append_column("vote", votes), tmp_path / name)
    codes = {"first": 0, "second": 1} if swapped else {"first": 1, "second": 0}
    with collected(tmp_path, {"path": name} | source(codes)) as store:
        found = comparisons(store)
    assert {row["first"]: row["preferred"] for row in found} == {
        f"good {n}": "second" if bool(one) == swapped else "first" for n, one in enumerate(ones)
    }


SCALES: list[tuple[list[float], Any, tuple[str, float] | None]] = [
    ([1, 2], 1.0, ("first", 1)),
    ([1, 2], 1.25, ("first", 0.75)),
    ([1, 2], 1.5, ("tie", 0.5)),
    ([1, 2], 2, ("second", 0)),
    ([-3, 3], -3, ("first", 1)),
    ([-3, 3], -1, ("first", 2 / 3)),
    ([-3, 3], 0, ("tie", 0.5)),
    ([-3, 3], 2, ("second", 1 / 6)),
    ([3, -3], 3, ("first", 1)),
    ([3, -3], "-1", ("second", 1 / 3)),
    ([7, 1], 4.0, ("tie", 0.5)),
    ([1, 7], 6, ("second", 1 / 6)),
    ([1, 2], 3, None),
    ([1, 2], 0.99, None),
    ([1, 2], "much", None),
    ([1, 2], float("inf"), None),
    ([1, 2], None, None),
    ([1, 2], float("nan"), None),
]


@pytest.mark.parametrize(("scale", "value", "expected"), SCALES)
def test_a_number_on_a_scale_keeps_its_side_and_its_strength(
    scale: list[float], value: Any, expected: tuple[str, float] | None, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(value)))
    with collected(tmp_path, source({"scale": scale}), max_bad_rows=1) as store:
        found = store.rows("SELECT preferred, probability::DOUBLE AS probability FROM comparisons")
    assert [tuple(row.values()) for row in found] == (
        [(expected[0], pytest.approx(expected[1], abs=1e-6))] if expected else []
    )


def paired(folder: Path, source: dict[str, Any], **section: Any) -> tuple[list[Row], Pairing]:
    """The pairs of the collected source."""
    with collected(folder, source, held_out=0) as store:
        file = folder / "pipeline.yaml"
        data = json.loads(file.read_text()) | {"out": str(folder / "out"), "pair": {"strategy": "votes"} | section}
        file.write_text(json.dumps(data))
        made = pipeline.pair(pipeline.resolve(load(file)), Context(load(file), store))
        found = (
            "SELECT request, chosen, rejected, margin, confidence FROM pairs_readable WHERE pairing = $key ORDER BY request"
        )
        return store.rows(found, key=made.key), made


def test_strengths_are_the_margin_and_the_confidence_of_pairs(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", rows(-3, -1, 0, 2))
    strong = source({"scale": [-3, 3]})
    found, _ = paired(tmp_path, strong, judge="human")
    assert [(row["request"], row["chosen"][:-2], row["margin"], row["confidence"]) for row in found] == [
        ("p0", "good", 100, 1),
        ("p1", "good", pytest.approx(100 / 3, abs=1e-3), pytest.approx(2 / 3, abs=1e-6)),
        ("p3", "bad", pytest.approx(200 / 3, abs=1e-3), pytest.approx(5 / 6, abs=1e-6)),
    ]
    clear, made = paired(tmp_path, strong, judge="human", min_margin=50)
    assert [row["request"] for row in clear] == ["p0", "p3"]
    assert made.outcomes == {"paired": 2, "below the margin": 1, "tied": 1}
    sure, _ = paired(tmp_path, strong, judge="human", min_confidence=0.9)
    assert [row["request"] for row in sure] == ["p0"]


def test_several_strengths_of_one_judge_count_by_their_sum(tmp_path: Path) -> None:
    # Two slight votes for the first against one strong vote for the second.
    lines(tmp_path / "rows.jsonl", [{"prompt": "p", "a": "good", "b": "bad", "vote": vote} for vote in (-1, -1, 3)])
    found, _ = paired(tmp_path, source({"scale": [-3, 3]}), judge="human")
    assert [(row["chosen"], row["margin"]) for row in found] == [("bad", pytest.approx(100 / 9, abs=1e-3))]
    lines(tmp_path / "rows.jsonl", [{"prompt": "p", "a": "good", "b": "bad", "vote": vote} for vote in (1, 1, 2)])
    found, _ = paired(tmp_path, source({}), judge="human")
    assert [(row["chosen"], row["margin"]) for row in found] == [("good", None)]


PEOPLE = ("ann", "bob", "cat")
MIXES: dict[str, tuple[tuple[Any, Any, Any], dict[str, Any], str, tuple[str, float | None, float] | None]] = {
    "two of three, majority": ((1, 1, 2), {}, "majority", ("good", None, 11 / 16)),
    "two of three, mean": ((1, 1, 2), {}, "mean", ("good", None, 11 / 16)),
    "more ties than votes for either": ((1, 0, 0), {"tie": 0}, "majority", None),
    "a tie of two": ((1, 2, 0), {"tie": 0}, "majority", None),
    "two slight against one strong, majority": ((-1, -1, 3), {"scale": [-3, 3]}, "majority", ("good", None, 11 / 16)),
    "two slight against one strong, mean": ((-1, -1, 3), {"scale": [-3, 3]}, "mean", ("bad", 100 / 9, 5 / 9)),
    "all slight, mean": ((-1, -1, -1), {"scale": [-3, 3]}, "mean", ("good", 100 / 3, 2 / 3)),
}


@pytest.mark.parametrize("name", MIXES)
def test_the_votes_of_several_people_are_mixed(name: str, tmp_path: Path) -> None:
    votes, codes, mix, expected = MIXES[name]
    row = {"prompt": "p", "a": "good", "b": "bad", **dict(zip(PEOPLE, votes, strict=True))}
    lines(tmp_path / "rows.jsonl", [row])
    several = source(*({"judge": who, "column": who} | codes for who in PEOPLE))
    found, made = paired(tmp_path, several, judge=list(PEOPLE), mix=mix)
    assert made.by == f"ann, bob, cat ({mix})"
    assert [tuple(row.values())[1:] for row in found] == (
        []
        if expected is None
        else [
            (
                expected[0],
                "bad" if expected[0] == "good" else "good",
                expected[1] and pytest.approx(expected[1], abs=1e-3),
                pytest.approx(expected[2], abs=1e-4),
            )
        ]
    )


def test_each_person_of_a_mix_counts_once_however_often_they_voted(tmp_path: Path) -> None:
    table = [{"prompt": "p", "a": "good", "b": "bad", "ann": 2, "bob": 1, "cat": 1}] + [
        {"prompt": "p", "a": "good", "b": "bad", "ann": 2, "bob": None, "cat": None} for _ in range(5)
    ]
    lines(tmp_path / "rows.jsonl", table)
    several = source(*({"judge": who, "column": who} for who in PEOPLE))
    for mix in ("majority", "mean"):
        found, _ = paired(tmp_path, several, judge=list(PEOPLE), mix=mix)
        assert [row["chosen"] for row in found] == ["good"]
    # One after the other, ann's six votes win.
    found, _ = paired(tmp_path, source(*({"column": who} for who in PEOPLE)), judge="human")
    assert [row["chosen"] for row in found] == ["bad"]


def test_a_majority_is_the_side_with_more_people(tmp_path: Path) -> None:
    table = list(product([1, 2, 0, None], repeat=3))
    lines(
        tmp_path / "rows.jsonl",
        [
            {"prompt": f"p{n}", "a": "good", "b": "bad", **dict(zip(PEOPLE, votes, strict=True))}
            for n, votes in enumerate(table)
        ],
    )
    several = source(*({"judge": who, "column": who, "tie": 0} for who in PEOPLE))
    # Where most say that it is a tie, it is one.
    leads = {
        f"p{n}": 0 if votes.count(0) > max(votes.count(1), votes.count(2)) else votes.count(1) - votes.count(2)
        for n, votes in enumerate(table)
    }
    found, _ = paired(tmp_path, several, judge=list(PEOPLE), mix="majority")
    assert {row["request"]: row["chosen"] for row in found} == {
        name: "good" if lead > 0 else "bad" for name, lead in leads.items() if lead
    }


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (source({"judge": "ann"}, {"judge": "bob", "column": "bob"}), {"judge": ["ann", "bob"], "mix": "median"}, "no median"),
    (source({}), {"judge": "human", "min_margin": 10}, "votes have no margin"),
    (
        source({}) | {"scores": [{"judge": "ann", "criterion": "q", "column": "q", "low": 1, "high": 5}]},
        {"judge": ["human", "ann"]},
        "'human' has votes and judge 'ann' has scores",
    ),
]


@pytest.mark.parametrize(("given", "section", "what"), REFUSED)
def test_options_that_votes_do_not_support_are_refused_with_the_reason(
    given: dict[str, Any], section: dict[str, Any], what: str, tmp_path: Path
) -> None:
    lines(tmp_path / "rows.jsonl", [row | {"bob": 1, "q": [4, 3]} for row in rows(1, 2)])
    with pytest.raises(InputError, match=what):
        paired(tmp_path, given, **section)


def test_a_person_without_a_vote_cannot_be_mixed(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [row | {"bob": None} for row in rows(1, 2)])
    with pytest.raises(InputError, match="judge 'bob' has neither votes nor scores"):
        paired(tmp_path, source({"judge": "ann"}, {"judge": "bob", "column": "bob"}), judge=["ann", "bob"])


def test_one_judge_cannot_have_scores_and_preferences(tmp_path: Path) -> None:
    scores = [{"judge": "human", "criterion": "q", "column": "q", "low": 1, "high": 5}]
    lines(tmp_path / "rows.jsonl", rows(1, 2))
    more = {"path": "more.jsonl", "columns": {"responses": "texts"}, "scores": scores}
    with pytest.raises(InputError, match="'human' has both scores and preferences") as error:
        collected(tmp_path, source({}), more)
    assert "collect.sources.0.preferences" in error.value.where
    assert "'human votes'" in error.value.fix


def test_one_mapping_or_a_list_of_preferences_is_the_same(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", rows(1, 2, 2))
    found = []
    for stated in (BASE, [BASE]):
        with collected(tmp_path, TWO | {"preferences": stated}) as store:
            found.append(comparisons(store))
    assert found[0] == found[1] != []
