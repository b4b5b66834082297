"""Every kind of source gives the same rows, streamed and with the place of each."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.config import Columns, Config, load
from rlaif.core.errors import InputError
from rlaif.data import sources
from rlaif.data.sources.prompts import metadata_of, prompt_of
from rlaif.data.sources.responses import Answer, answer

ROWS: list[dict[str, Any]] = [
    {"prompt": "One\u2028still one", "note": "x"},
    {"prompt": 'Two, "quoted"\nand broken', "note": None},
    {"prompt": "Drei \u00fc \U0001f600", "note": "z"},
]


def pipeline(folder: Path, **source: Any) -> Config:
    source.setdefault("columns", {"metadata": ["note"]})
    (folder / "pipeline.yaml").write_text(json.dumps({"name": "test", "collect": {"sources": [source]}}))
    return load(folder / "pipeline.yaml")


def jsonl(path: Path) -> None:
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())


def json_list(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=2))


def separated(path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["prompt", "note"], delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(ROWS)


def parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row | {"unused": 1} for row in ROWS]), path)


def duck(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute('CREATE TABLE "my rows" (note VARCHAR, prompt VARCHAR, unused INTEGER)')
        connection.executemany('INSERT INTO "my rows" VALUES (?, ?, 1)', [(row["note"], row["prompt"]) for row in ROWS])


@pytest.mark.parametrize(
    ("name", "write", "places"),
    [
        ("rows.jsonl", jsonl, ["rows.jsonl:1", "rows.jsonl:3", "rows.jsonl:5"]),
        ("rows.ndjson", jsonl, ["rows.ndjson:1", "rows.ndjson:3", "rows.ndjson:5"]),
        ("rows.json", json_list, ["rows.json:1", "rows.json:2", "rows.json:3"]),
        ("lines.json", jsonl, ["lines.json:1", "lines.json:3", "lines.json:5"]),
        ("rows.csv", separated, ["rows.csv:2", "rows.csv:4", "rows.csv:5"]),
        ("rows.tsv", separated, ["rows.tsv:2", "rows.tsv:4", "rows.tsv:5"]),
        ("rows.parquet", parquet, ["rows.parquet:1", "rows.parquet:2", "rows.parquet:3"]),
        ("rows.duckdb", duck, [f"rows.duckdb#my rows:{number}" for number in (1, 2, 3)]),
    ],
)
def test_every_kind_of_file_gives_the_same_rows(
    tmp_path: Path, name: str, write: Callable[[Path], None], places: list[str]
) -> None:
    write(tmp_path / name)
    config = pipeline(tmp_path, path=name, table="my rows")
    read = list(sources.rows(config, 0))
    assert [row for _, row in read] == ROWS
    assert [Path(at).name for at, _ in read] == places


def test_the_digest_of_a_file_changes_with_its_content(tmp_path: Path) -> None:
    jsonl(tmp_path / "rows.jsonl")
    config = pipeline(tmp_path, path="rows.jsonl")
    before = sources.digest(config, 0)
    assert before == sources.digest(config, 0)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write("\n")
    assert sources.digest(config, 0) != before


def test_a_column_that_only_some_rows_have_is_known(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "A"}\n{"prompt": "B", "note": "x"}\n')
    assert len(list(sources.rows(pipeline(tmp_path, path="rows.jsonl"), 0))) == 2


def test_a_lone_surrogate_and_a_huge_integer_are_read(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(f'{{"prompt": "a\\ud800", "note": {10**30}}}\n')
    ((_, row),) = sources.rows(pipeline(tmp_path, path="rows.jsonl"), 0)
    assert row["note"] == 10**30


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=8,
)


@given(ANYTHING)
def test_any_metadata_becomes_json_that_reads_back(value: Any) -> None:
    text = metadata_of({"tag": value}, Columns(metadata=["tag"]))
    assert list(orjson.loads(text)) == ["tag"]


@pytest.mark.fault("P11")
@given(st.text(st.characters()))
def test_any_text_is_a_prompt_that_utf8_can_hold_or_none(text: str) -> None:
    prompt = prompt_of({"prompt": text}, Columns())
    assert (prompt is None) == (not text.strip())
    assert prompt is None or prompt.request.encode()


def chat(said: str) -> list[dict[str, str]]:
    """A turn a word: the user's is in capitals, and one with a colon is the system's."""
    roles = ["system" if ":" in word else "user" if word.isupper() else "assistant" for word in said.split()]
    return [{"role": role, "content": word.replace("_", " ")} for role, word in zip(roles, said.split(), strict=True)]


ELSEWHERE, UNANSWERED, EMPTY = (
    Answer(lost=why) for why in ("answers another conversation", "ends without an answer", "empty")
)
CONVERSATIONS = [
    ("A", "A good", Answer("good")),
    ("A", "good", Answer("good")),
    ("A", "_A_ good", Answer("good")),
    ("A b C", "A b C good", Answer("good")),
    ("A b C", "good", Answer("good")),
    ("sys:x A", "sys:x A good", Answer("good")),
    ("sys:x A b C", "A b C good", Answer("good")),
    ("A", "sys:x A good", ELSEWHERE),
    ("sys:x A", "sys:y A good", ELSEWHERE),
    ("A", "OTHER good", ELSEWHERE),
    ("A", "A b C good", ELSEWHERE),
    ("A b C", "A good", ELSEWHERE),
    ("A b C", "C good", ELSEWHERE),
    ("A b C", "A other C good", ELSEWHERE),
    ("A", "A b C", UNANSWERED),
    ("A", "A", UNANSWERED),
    ("A", "A _", EMPTY),
    ("A", "", EMPTY),
]


@pytest.mark.parametrize(("prompt", "conversation", "found"), CONVERSATIONS)
def test_a_conversation_is_an_answer_to_its_own_turns_alone(prompt: str, conversation: str, found: Answer) -> None:
    asked = prompt_of({"prompt": chat(prompt)}, Columns())
    assert asked
    assert answer(chat(conversation), asked.messages, "text") == found


WRONG: list[tuple[str, Any, dict[str, Any], str]] = [
    ("rows.parquet", parquet, {"columns": {"prompt": "promt"}}, "Did you mean 'prompt'?"),
    ("rows.csv", separated, {"columns": {"prompt": "promt"}}, "Did you mean 'prompt'?"),
    ("rows.duckdb", duck, {"columns": {"prompt": "promt"}}, "Did you mean 'prompt'?"),
    ("rows.duckdb", duck, {"table": "my row"}, "Did you mean 'my rows'?"),
    ("rows.duckdb", duck, {"table": None}, "needs a `table`"),
    ("rows.duckdb", jsonl, {}, "cannot be read"),
    ("rows.parquet", jsonl, {}, "not a Parquet file"),
    ("rows.json", lambda path: path.write_text("5"), {}, "must be a list of objects"),
    ("rows.csv", lambda path: path.write_text("prompt,note\na,b,c\n"), {}, "3 values under 2 columns"),
    ("rows.csv", lambda path: path.write_text('prompt,note\n"a,b\n'), {}, "not CSV"),
    ("rows.csv", lambda path: path.write_bytes(b"prompt,note\n\xff,b\n"), {}, "not UTF-8"),
    ("rows.jsonl", lambda path: path.write_bytes(b'{"prompt": "\xff"}'), {}, "not UTF-8"),
    ("rows.jsonl", lambda path: path.write_text("[" * 100_000), {}, "nested too deeply"),
]


@pytest.mark.parametrize(("name", "write", "source", "what"), WRONG)
def test_a_source_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, write: Callable[[Path], None], source: dict[str, Any], what: str
) -> None:
    write(tmp_path / name)
    config = pipeline(tmp_path, **({"path": name, "table": "my rows"} | source))
    with pytest.raises(InputError, match=what.replace("?", r"\?")):
        list(sources.rows(config, 0))


def test_a_saved_dataset_is_read_by_its_split(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_list(ROWS)
    data.save_to_disk(str(tmp_path / "plain"))
    datasets.DatasetDict({"train": data.select([0]), "test": data}).save_to_disk(str(tmp_path / "split"))
    for source in ({"dataset": "plain"}, {"dataset": "split", "split": "test"}):
        config = pipeline(tmp_path, **source)
        read = list(sources.rows(config, 0))
        assert [row for _, row in read] == ROWS
        assert read[2][0] == f"{source['dataset']}:3"
        assert sources.digest(config, 0) == sources.digest(config, 0)
    with pytest.raises(InputError, match="Did you mean 'test'"):
        list(sources.rows(pipeline(tmp_path, dataset="split", split="tests"), 0))


def test_a_hub_dataset_without_revision_is_read_to_detect_changes(tmp_path: Path) -> None:
    assert sources.digest(pipeline(tmp_path, dataset="owner/name"), 0) is None
    assert sources.digest(pipeline(tmp_path, dataset="owner/name", revision="abc"), 0) == "abc"
    with pytest.raises(InputError, match="no such file"):
        sources.digest(pipeline(tmp_path, dataset="./absent"), 0)
