"""One odd row is dropped with a counted reason and its place; too many of them stop the collection."""

import csv
import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.core.errors import InputError
from rlaif.data.sources.row_errors import Faults
from rlaif.store.store import Store
from rlaif.training.formats import imitated
from tests.support.collecting import collected, column, dropped, lines, requests
from tests.support.displays import RecordedNotes


def said(content: Any, role: str = "user") -> list[dict[str, Any]]:
    return [{"role": role, "content": content}]


def part(text: str, kind: str = "text") -> dict[str, str]:
    return {"type": kind, "text": text}


IMAGE = {"type": "image_url", "image_url": {"url": "data:,x"}}
ANSWERED: dict[str, Any] = {"columns": {"responses": "texts"}}
SCORED = ANSWERED | {"scores": [{"judge": "ann", "criterion": "q", "column": "marks", "low": 1, "high": 5}]}
VOTED = ANSWERED | {"preferences": {"judge": "ann", "column": "votes", "pairs": [[1, 2]]}}
CHECKED: dict[str, Any] = {"columns": {"checklist": "list"}}
READ: dict[str, Any] = {"columns": {"document": "doc", "reference": "gold"}}
MADE: dict[str, Any] = {"preferences": {"judge": "ann", "chosen": "good", "rejected": "bad"}}
# The odd row, its source, and the reason that is counted.
ODD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "a number": ({"prompt": 5}, {}, "a number instead of text in column 'prompt'"),
    "a boolean": ({"prompt": True}, {}, "a boolean instead of text in column 'prompt'"),
    "NaN": ({"prompt": float("nan")}, {}, "NaN instead of text in column 'prompt'"),
    "an object": ({"prompt": {"text": "A"}}, {}, "an object instead of text in column 'prompt'"),
    "a list of lists": ({"prompt": [["A"]]}, {}, "a list item that is not a chat message in column 'prompt'"),
    "no role": ({"prompt": [{"content": "A"}]}, {}, "a list item that is not a chat message in column 'prompt'"),
    "an unknown role": ({"prompt": said("A", "narrator")}, {}, "an unknown role in column 'prompt'"),
    "a role that is no text": ({"prompt": [{"role": 3, "content": "A"}]}, {}, "an unknown role in column 'prompt'"),
    "null content": (
        {"prompt": [*said("A"), *said(None, "assistant"), *said("B")]},
        {},
        "a message without content in column 'prompt'",
    ),
    "an image": ({"prompt": said([part("A"), IMAGE])}, {}, "a message with a part that is not text in column 'prompt'"),
    "content that is an object": (
        {"prompt": said({"text": "A"})},
        {},
        "a message whose content is an object in column 'prompt'",
    ),
    "a row that is a list": (["A"], {}, "a row that is not an object with columns"),
    "a row that is null": (None, {}, "a row that is not an object with columns"),
    "a boolean response": ({"prompt": "A", "texts": ["a", True]}, ANSWERED, "a boolean instead of text in column 'texts'"),
    "an object as a response": (
        {"prompt": "A", "texts": [{"x": 1}]},
        ANSWERED,
        "an object instead of text in column 'texts'",
    ),
    "NaN as a response": ({"prompt": "A", "texts": [float("nan")]}, ANSWERED, "NaN instead of text in column 'texts'"),
    "several texts in one response": (
        {"prompt": "A", "good": ["a", "b"], "bad": "c"},
        MADE,
        "several texts instead of one response in column 'good'",
    ),
    "null content in a response": (
        {"prompt": "A", "texts": [said("a", "assistant"), said(None, "assistant")]},
        ANSWERED,
        "a message without content in column 'texts'",
    ),
    "too few scores": (
        {"prompt": "A", "texts": ["a", "b"], "marks": [3]},
        SCORED,
        "the number of scores differs from the number of responses in column 'marks'",
    ),
    "too many codes": (
        {"prompt": "A", "texts": ["a", "b"], "votes": [1, 2]},
        VOTED,
        "the number of codes differs from the number of pairs in column 'votes'",
    ),
    "no checklist": ({"prompt": "A", "list": "x"}, CHECKED, "a text instead of a list of items in column 'list'"),
    "an unknown weight": ({"prompt": "A", "list": [{"text": "x", "weight": 3}]}, CHECKED, "a checklist item without"),
    "a blank item": ({"prompt": "A", "list": [" "]}, CHECKED, "a checklist item without"),
    "a document that is a number": (
        {"prompt": "A", "doc": ["x", 1], "gold": "g"},
        READ,
        "a number instead of text in column 'doc'",
    ),
    "a reference that is a list": (
        {"prompt": "A", "doc": "d", "gold": ["x"]},
        READ,
        "a list instead of text in column 'gold'",
    ),
}
GOOD = {
    "prompt": "sound",
    "texts": ["a", "b"],
    "marks": [2, 3],
    "votes": [1],
    "list": ["x"],
    "doc": "d",
    "gold": "g",
    "good": "x",
    "bad": "y",
}


@pytest.mark.parametrize("name", ODD)
def test_one_odd_row_is_dropped_with_its_reason_and_its_place(name: str, tmp_path: Path) -> None:
    row, source, reason = ODD[name]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (GOOD, row, GOOD | {"prompt": "last"})))
    told = RecordedNotes()
    with collected(tmp_path, source, progress=told) as store:
        assert requests(store) == ["sound", "last"]
        (found,) = store.rows("SELECT source, what, reason FROM dropped WHERE what = 'prompt'")
        assert found["reason"].startswith(reason)
        assert Path(found["source"]).name == "rows.jsonl:2"
        # Nothing of the row is there: no response, score or vote without its prompt.
        assert not store.rows("FROM responses ANTI JOIN prompts ON prompts.key = responses.prompt")
    assert any("1 x prompt dropped: " in line and "rows.jsonl:2" in line for line in told.lines)
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(InputError, match=r"1 of 1 rows of rows\.jsonl are bad") as error:
        collected(tmp_path, source)
    assert "rows.jsonl:1" in str(error.value)
    assert "pipeline.yaml:1 collect.sources.0" in error.value.where


# Content parts, and the text that they are.
PARTS: list[tuple[Any, str]] = [
    ("plain", "plain"),
    ([part("one")], "one"),
    ([part("one "), part("two")], "one two"),
    ([part("one"), part("two")], "one\ntwo"),
    ([part("one", "input_text"), "two"], "one\ntwo"),
    ([{"type": "text", "text": "one", "image": None}], "one"),
    ([{"text": "one"}], "one"),
]


@pytest.mark.parametrize(("content", "text"), PARTS)
def test_the_text_parts_of_a_message_are_joined(content: Any, text: str, tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": said(content), "texts": [[*said(content), *said(content, "assistant")]]}])
    with collected(tmp_path, ANSWERED) as store:
        assert requests(store) == [text]
        assert column(store, "SELECT text FROM responses") == [text]


ROLES = ["Human", "USER", " user ", "human"]
ANSWERERS = ["gpt", "Assistant", "bot", "model", "ChatGPT", "ai"]


@pytest.mark.parametrize("keys", [("role", "content"), ("from", "value")])
def test_the_roles_of_all_layouts_are_read(keys: tuple[str, str], tmp_path: Path) -> None:
    rows = [
        {"chat": [dict(zip(keys, turn, strict=True)) for turn in ((asks, f"{asks} {answers}?"), (answers, "Yes."))]}
        for asks in ROLES
        for answers in ANSWERERS
    ]
    lines(tmp_path / "rows.jsonl", rows)
    with collected(tmp_path, {"columns": {"prompt": "chat"}}) as store:
        messages = [json.loads(text) for text in column(store, "SELECT messages FROM prompts ORDER BY position")]
    asked = {f"{asks} {answers}?".casefold(): None for asks in ROLES for answers in ANSWERERS}
    assert [[turn["role"] for turn in chat] for chat in messages] == [["user"]] * len(messages)
    assert len(messages) == len({" ".join(text.split()) for text in asked})


def test_a_turn_that_is_null_in_one_of_two_layouts_is_read_by_the_other(tmp_path: Path) -> None:
    turn = {"role": None, "content": None, "from": "human", "value": "Why?"}
    lines(tmp_path / "rows.jsonl", [{"prompt": [turn]}])
    with collected(tmp_path) as store:
        assert requests(store) == ["Why?"]


def test_turns_after_the_last_user_turn_may_be_anything(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": [*said("A"), {"role": "assistant", "content": None, "tool_calls": []}]}])
    with collected(tmp_path) as store:
        assert requests(store) == ["A"]


@pytest.mark.parametrize(
    ("rows", "bad", "share", "passes"),
    [
        (1000, 10, 0.01, True),
        (1000, 11, 0.01, False),
        (399, 3, 0.01, True),
        (399, 4, 0.01, False),
        (3, 1, 0.01, True),
        (2, 1, 0.01, True),
        (1, 1, 0.01, False),
        (3, 2, 0.01, False),
        (6, 3, 0.01, True),
        (5, 3, 0.01, False),
        (10, 4, 0.01, False),
        (1000, 1, 0.0, False),
        (1000, 0, 0.0, True),
        (3, 3, 1.0, True),
        (10, 5, 0.5, True),
        (10, 6, 0.5, False),
    ],
)
def test_a_share_of_rows_may_be_bad(rows: int, bad: int, share: float, passes: bool) -> None:
    faults = Faults(rows=rows)
    for number in range(bad):
        faults.add(f"x:{number}", "odd")
        faults.add(f"x:{number}", "odd in another way, too")
    assert faults.bad == bad
    assert faults.too_many(share) != passes


@given(st.integers(1, 5000), st.integers(0, 5000), st.floats(0, 1))
def test_a_source_may_have_more_bad_rows_than_good_ones_only_on_request(rows: int, bad: int, share: float) -> None:
    passes = not Faults(rows=rows, bad=min(bad, rows)).too_many(share)
    assert not passes or min(bad, rows) <= max(share * rows, rows / 2)


def test_an_error_lists_all_reasons_with_their_first_places(tmp_path: Path) -> None:
    rows = [{"prompt": value} for value in ("A", 1, 2, True, "B", said("C", "narrator"), "D", "E")]
    lines(tmp_path / "rows.jsonl", rows)
    with pytest.raises(InputError) as error:
        collected(tmp_path)
    text = str(error.value)
    assert "4 of 8 rows of rows.jsonl are bad, more than collect.max_bad_rows allows (0.01):" in text
    assert f"2 x a number instead of text in column 'prompt', first at {tmp_path / 'rows.jsonl'}:2: 1" in text
    assert f"1 x a boolean instead of text in column 'prompt', first at {tmp_path / 'rows.jsonl'}:4: True" in text
    assert f"1 x an unknown role in column 'prompt', first at {tmp_path / 'rows.jsonl'}:6: narrator" in text
    with collected(tmp_path, max_bad_rows=0.5) as store:
        assert requests(store) == ["A", "B", "D", "E"]


def test_each_source_has_its_own_bad_rows(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": f"p{n}"} for n in range(1000)])
    lines(tmp_path / "more.jsonl", [{"prompt": n} for n in range(5)])
    with pytest.raises(InputError, match=r"5 of 5 rows of more\.jsonl") as error:
        collected(tmp_path, {}, {"path": "more.jsonl"})
    assert "collect.sources.1" in error.value.where


# A value of a scores column from 0 to 5, and the score that it is; None is a malformed one.
MARKS: list[tuple[Any, float | None]] = [
    (4, 4),
    ("4", 4),
    ("4.0", 4),
    (" 4 ", 4),
    ("4e0", 4),
    (True, 1),
    (False, 0),
    ("true", 1),
    ("False", 0),
    (0, 0),
    (5.0, 5),
    (6, None),
    (-1, None),
    (5.000001, None),
    ("n/a", None),
    ("1_0", None),
    ("٤", None),
    ("", None),
    (float("nan"), None),
    ("nan", None),
    (float("inf"), None),
    ([4], None),
    ({"score": 4}, None),
    (10**400, None),
]


@pytest.mark.parametrize(("mark", "score"), MARKS)
def test_a_score_is_the_number_in_range_or_a_failure_that_is_reported(
    mark: Any, score: float | None, tmp_path: Path
) -> None:
    source = ANSWERED | {"scores": [{"judge": "ann", "criterion": "q", "column": "marks", "low": 0, "high": 5}]}
    rows = [{"prompt": f"p{n}", "texts": ["x", "y"], "marks": [3, 3]} for n in range(3)]
    rows[1]["marks"] = [mark, 2]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = RecordedNotes()
    with collected(tmp_path, source, progress=told) as store:
        found = store.rows(
            "SELECT value::DOUBLE AS value, scores.failure FROM scores JOIN responses USING (answer) JOIN prompts ON key = prompt "
            "WHERE text = 'x' AND position = 1".replace("key = prompt", "prompts.key = responses.prompt")
        )
    assert found == [{"value": score, "failure": None if score is not None else "malformed"}]
    notes = [line for line in told.lines if "a score" in line]
    assert len(notes) == (score is None)
    assert not notes or ("1 x a score" in notes[0] and "rows.jsonl:2" in notes[0] and "`low` and `high`" in notes[0])


def test_many_scores_out_of_range_stop_the_collection(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": f"p{n}", "texts": ["x"], "marks": [n % 10]} for n in range(50)])
    with pytest.raises(InputError) as error:
        collected(tmp_path, SCORED)
    # 0 and 6 to 9 of every ten.
    assert "25 of 50 rows" in str(error.value)
    assert "25 x a score outside 1 to 5 in column 'marks', first at" in str(error.value)
    assert "rows.jsonl:1: 0. Correct `low` and `high`" in str(error.value)


@pytest.mark.parametrize(("low", "high"), [(5, 1), (1, 1), (0, -0.0)])
def test_low_must_be_below_high(low: float, high: float, tmp_path: Path) -> None:
    source = ANSWERED | {"scores": [{"judge": "ann", "criterion": "q", "column": "marks", "low": low, "high": high}]}
    lines(tmp_path / "rows.jsonl", [GOOD])
    with pytest.raises(InputError, match="`low` must be below `high`") as error:
        collected(tmp_path, source)
    assert "pipeline.yaml:1 collect.sources.0.scores.0" in error.value.where


def test_two_columns_of_one_judge_and_criterion_are_repeats_whose_mean_counts(tmp_path: Path) -> None:
    scores = [
        {"judge": "ann", "criterion": criterion, "column": name, "low": 0, "high": 5}
        for name, criterion in (("one", "q"), ("two", "q"), ("three", "q"), ("other", "r"))
    ]
    lines(
        tmp_path / "rows.jsonl",
        [{"prompt": "A", "texts": ["x", "y"], "one": [4, 1], "two": [3, None], "three": [2, 2], "other": [5, 0]}],
    )
    with collected(tmp_path, ANSWERED | {"scores": scores}) as store:
        found = store.rows(
            "SELECT text, criteria.name, score::DOUBLE AS score, repeats FROM latest_scores JOIN responses USING (answer) "
            "JOIN criteria ON criteria.key = criterion ORDER BY ALL"
        )
        raw = column(store, "SELECT raw FROM verdicts JOIN responses USING (answer) WHERE text = 'x' ORDER BY repeat")
    assert [tuple(row.values()) for row in found] == [
        ("x", "q", 3, 3),
        ("x", "r", 5, 1),
        ("y", "q", 1.5, 2),
        ("y", "r", 0, 1),
    ]
    assert [json.loads(each) for each in raw] == [{"q": 4, "r": 5}, {"q": 3}, {"q": 2}]


CONTRADICTIONS = [
    (
        {"scores": [{"judge": "a", "criterion": "q", "column": "marks", "low": 0, "high": 5}] * 2},
        "same judge, criterion and column",
    ),
    ({"preferences": [{"judge": "a", "column": "votes", "pairs": [[1, 2]]}] * 2}, "same judge and column"),
    ({"columns": {}, "scores": SCORED["scores"]}, "scores need `columns.responses`"),
    (
        {"columns": {}, "preferences": {"judge": "a", "column": "votes", "pairs": [[1, 2]]}},
        "preferences need `columns.responses`",
    ),
    ({"preferences": {"judge": "a", "chosen": "good", "rejected": "good"}}, "must be different columns"),
    ({"preferences": {"judge": "a", "chosen": "good", "rejected": "bad", "tie": 0}}, "belong to `column`"),
]


@pytest.mark.parametrize(("source", "what"), CONTRADICTIONS)
def test_a_source_that_contradicts_itself_is_a_mistake(source: dict[str, Any], what: str, tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [GOOD])
    with pytest.raises(InputError, match=what):
        collected(tmp_path, ANSWERED | source)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("prompt,note,prompt\nA,b,C\n")
    with pytest.raises(InputError, match="2 columns are called 'prompt'"):
        collected(tmp_path, {"path": "rows.csv"})


def not_utf8(kind: Any = None) -> pyarrow.Array:
    return pyarrow.Array.from_buffers(
        pyarrow.string(),
        3,
        [None, pyarrow.py_buffer(b"\0\0\0\0\3\0\0\0\6\0\0\0\11\0\0\0"), pyarrow.py_buffer(b"one\xff\xfe\xfdsix")],
    )


def test_text_in_parquet_that_is_not_utf8_drops_its_row(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"prompt": not_utf8()}), tmp_path / "rows.parquet")
    with collected(tmp_path, {"path": "rows.parquet"}) as store:
        assert requests(store) == ["one", "six"]
        assert store.rows("SELECT reason, source FROM dropped") == [
            {"reason": "text that is not UTF-8 in column 'prompt'", "source": f"{tmp_path / 'rows.parquet'}:2"}
        ]


FAR = {
    "a date beyond year 9999": pyarrow.array([0, 10_000_000, 0], pyarrow.int32()).cast(pyarrow.date32()),
    "a time beyond year 9999": pyarrow.array([0, 10**15, 0], pyarrow.int64()).cast(pyarrow.timestamp("s")),
    "a time before year 1": pyarrow.array([0, -(10**15), 0], pyarrow.int64()).cast(pyarrow.timestamp("s")),
    "a huge duration": pyarrow.array([0, 10**18, 0], pyarrow.int64()).cast(pyarrow.duration("s")),
}


@pytest.mark.parametrize("name", FAR)
def test_a_time_that_python_cannot_hold_drops_its_row(name: str, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"prompt": ["A", "B", "C"], "when": FAR[name]}), tmp_path / "rows.parquet")
    with collected(tmp_path, {"path": "rows.parquet", "columns": {"metadata": ["when"]}}) as store:
        assert requests(store) == ["A", "C"]
        assert column(store, "SELECT reason FROM dropped") == ["a value that cannot be read in column 'when'"]


ANY_METADATA = {
    "nanoseconds": pyarrow.array([1, 2, 3], pyarrow.int64()).cast(pyarrow.timestamp("ns")),
    "a time zone": pyarrow.array([0, 1, 2], pyarrow.timestamp("us", "Europe/Berlin")),
    "decimals": pyarrow.array([datetime.date.today().year] * 3, pyarrow.decimal128(38, 2)),
    "binary": pyarrow.array([b"\xff\x00", b"", None]),
    "large integers": pyarrow.array([2**64 - 1] * 3, pyarrow.uint64()),
    "NaN": pyarrow.array([float("nan"), float("inf"), None]),
}


@pytest.mark.parametrize("name", ANY_METADATA)
def test_any_column_may_be_metadata(name: str, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(
        pyarrow.table({"prompt": ["A", "B", "C"], "m": ANY_METADATA[name]}), tmp_path / "rows.parquet"
    )
    with collected(tmp_path, {"path": "rows.parquet", "columns": {"metadata": ["m"]}}) as store:
        kept = [json.loads(text) for text in column(store, "SELECT metadata FROM current_prompts")]
    # Python holds no single nanoseconds; there the row is dropped.
    assert [list(each) for each in kept] == [["m"]] * len(kept)
    assert len(kept) == 3 or name == "nanoseconds"


def test_a_binary_column_is_not_text(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"prompt": pyarrow.array([b"A", b"B"])}), tmp_path / "rows.parquet")
    with pytest.raises(InputError, match="2 x bytes instead of text in column 'prompt'"):
        collected(tmp_path, {"path": "rows.parquet"})


LATIN = "Füße".encode("latin-1")
ENCODED = {
    "latin-1 lines": ("rows.jsonl", b'{"prompt": "A"}\n{"prompt": "' + LATIN + b'"}\n', "rows.jsonl:2", "not UTF-8"),
    "UTF-16 lines": ("rows.jsonl", '{"prompt": "A"}\n'.encode("utf-16"), "rows.jsonl:1", "not UTF-8"),
    "latin-1 list": ("rows.json", b'[{"prompt": "' + LATIN + b'"}]', "rows.json", "not UTF-8"),
    "latin-1 CSV": ("rows.csv", b"prompt\nA\n" + b"B\n" * 5000 + LATIN + b"\nC\n", "rows.csv:5003", "not UTF-8"),
    "latin-1 header": ("rows.csv", b"prompt,f" + LATIN + b"\nA,b\n", "rows.csv:1", "not UTF-8"),
    "UTF-16 CSV": ("rows.csv", "prompt\nA\n".encode("utf-16"), "rows.csv:1", "not UTF-8"),
    "an integer of 5,000 digits": (
        "rows.jsonl",
        b'{"prompt": "A", "n": 1' + b"0" * 5000 + b"}\n",
        "rows.jsonl:1",
        "too many digits",
    ),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoding_fault_names_file_and_line(name: str, tmp_path: Path) -> None:
    file, content, where, what = ENCODED[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=what) as error:
        collected(tmp_path, {"path": file})
    assert error.value.where.endswith(where)


def test_null_characters_and_deep_nesting_are_read_or_dropped(tmp_path: Path) -> None:
    deep = "[" * 400 + "]" * 400
    (tmp_path / "rows.jsonl").write_text(
        f'{{"prompt": "a\\u0000b", "m": 1}}\n{{"prompt": "B", "m": {deep}}}\n{{"prompt": {deep}, "m": 1}}\n{{"prompt": "C", "m": 2}}\n'
        '{"prompt": "D", "m": 123456789012345678901234567890}\n'
    )
    with collected(tmp_path, {"columns": {"metadata": ["m"]}}) as store:
        assert requests(store) == ["a\0b", "C", "D"]
        assert column(store, "SELECT request FROM prompts_readable ORDER BY position") == ["a\0b", "C", "D"]
        assert dropped(store) == {
            ("prompt", "metadata that is nested too deeply"): 1,
            ("prompt", "a list item that is not a chat message in column 'prompt'"): 1,
        }
        assert json.loads(column(store, "SELECT metadata FROM prompts ORDER BY position")[2]) == {
            "m": "123456789012345678901234567890"
        }


def test_null_characters_in_csv_are_read(tmp_path: Path) -> None:
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["prompt"], ["a\0b"], ["c"]])
    with collected(tmp_path, {"path": "rows.csv"}) as store:
        assert requests(store) == ["a\0b", "c"]


def test_a_duckdb_source_with_values_beyond_python_drops_these_rows(tmp_path: Path) -> None:
    import duckdb

    with duckdb.connect(tmp_path / "rows.duckdb") as connection:
        connection.execute("CREATE TABLE t AS SELECT 'A' AS prompt, DATE '2020-01-01' AS d, 1::HUGEINT AS h, 'x'::BLOB AS b")
        connection.execute("INSERT INTO t VALUES ('B', DATE 'infinity', 170141183460469231731687303715884105727, ''::BLOB)")
        connection.execute("INSERT INTO t VALUES ('C', DATE '2021-01-01', 2, NULL)")
    source = {"path": "rows.duckdb", "table": "t", "columns": {"metadata": ["d", "h", "b"]}}
    with collected(tmp_path, source) as store:
        found = requests(store)
        assert {"A", "C"} <= set(found)
        assert len(found) + len(dropped(store)) == 3


def test_a_file_that_cannot_be_opened_is_a_mistake(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A"}])
    with collected(tmp_path), Store(tmp_path / "other.duckdb"):
        pass
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(InputError, match="holds no file of a known kind"):
        collected(tmp_path, {"path": "rows.csv"})


TAUGHT: list[tuple[Any, str | None]] = [
    ({"prompt": "a", "completion": "b"}, "b"),
    ({"prompt": said("a"), "completion": said("b", "assistant")}, "b"),
    ({"messages": [*said("a"), *said("b", "assistant")]}, "b"),
    ({"messages": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, "b"),
    ({"messages": json.dumps([*said("a"), *said("b", "assistant")])}, "b"),
    ({"messages": [*said("a"), *said([part("b "), part("c")], "assistant")]}, "b c"),
    ({"messages": [*said("a"), *said(None, "assistant")]}, None),
    ({"messages": [*said(None), *said("b", "assistant")]}, None),
    ({"messages": [*said("a"), *said([IMAGE], "assistant")]}, None),
    ({"messages": [*said("a"), *said(" ", "assistant")]}, None),
    ({"messages": said("b", "assistant")}, None),
    ({"messages": []}, None),
    ({"prompt": "a", "completion": None}, None),
    ({"prompt": "a", "completion": 5}, None),
    ({"prompt": "a", "completion": float("nan")}, None),
    ({"prompt": "", "completion": "b"}, None),
    ({"prompt": "a", "completion": said("b")}, None),
    (["a", "b"], None),
]


@pytest.mark.parametrize(("row", "completion"), TAUGHT)
def test_train_data_is_read_as_sources_are(row: Any, completion: str | None, tmp_path: Path) -> None:
    sound = {"prompt": "x\u2028y", "completion": "z\u2029"}
    text = "\n\n".join(json.dumps(each, ensure_ascii=False) for each in (sound, row, sound))
    (tmp_path / "data.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found, faults = imitated(tmp_path / "data.jsonl")
    kept = [each["completion"][0]["content"] for each in found]
    assert kept == (["z\u2029", completion, "z\u2029"] if completion else ["z\u2029", "z\u2029"])
    assert found[0]["prompt"] == said("x\u2028y")
    assert all(each["completion"][0]["role"] == "assistant" and "None" not in str(each) for each in found)
    assert [kind.first for kind in faults.kinds.values()] == ([] if completion else [f"{tmp_path / 'data.jsonl'}:3"])


@pytest.mark.parametrize("name", ["data.jsonl", "data.ndjson", "data.json", "data.csv", "data.parquet"])
def test_every_kind_of_file_may_be_train_data(name: str, tmp_path: Path) -> None:
    rows = [{"prompt": f"p {n}", "completion": f"c {n}"} for n in range(3)]
    if name.endswith("parquet"):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / name)
    elif name.endswith("csv"):
        (tmp_path / name).write_text(
            "prompt,completion\n" + "".join(f"{row['prompt']},{row['completion']}\n" for row in rows)
        )
    else:
        (tmp_path / name).write_text(json.dumps(rows) if name.endswith(".json") else "\n".join(map(json.dumps, rows)))
    found, faults = imitated(tmp_path / name)
    assert [(row["prompt"][0]["content"], row["completion"][0]["content"]) for row in found] == [
        (row["prompt"], row["completion"]) for row in rows
    ]
    assert faults.bad == 0


def test_too_many_bad_rows_of_train_data_stop_the_training(tmp_path: Path) -> None:
    lines(tmp_path / "data.jsonl", [{"prompt": "a", "completion": "b" if n < 5 else None} for n in range(10)])
    with pytest.raises(InputError, match=r"5 of 10 rows of data\.jsonl are bad, more than collect\.max_bad_rows allows"):
        imitated(tmp_path / "data.jsonl", where="p.yaml:9 train.data")
    assert len(imitated(tmp_path / "data.jsonl", 0.5)[0]) == 5
    with pytest.raises(InputError, match="unknown kind of file"):
        imitated(tmp_path / "data.txt")
