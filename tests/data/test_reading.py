"""Sources without a layout: patterns, compression, filters, dotted paths, two-column prompts, queries, conversations, tools."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from rlaif.core.errors import InputError
from tests.support.collecting import collected, column, comparisons, dropped, lines, requests


def test_a_pattern_and_a_folder_read_all_files_compressed_or_not(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    lines(folder / "a.jsonl", [{"prompt": "one"}])
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(b'{"prompt": "two"}\n'))
    with pyarrow.CompressedOutputStream(str(folder / "c.jsonl.zst"), "zstd") as out:
        out.write(b'{"prompt": "three"}\n')
    with collected(tmp_path, {"path": "data/*.jsonl*"}) as store:
        assert requests(store) == ["one", "two", "three"]
    (tmp_path / "store.duckdb").unlink()
    with collected(tmp_path, {"path": "data"}) as store:
        assert requests(store) == ["one", "two", "three"]


def test_limit_and_offset_count_the_rows_that_where_keeps(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": f"p{n}", "n": n, "language": "en" if n % 2 else "de"} for n in range(9)])
    with collected(tmp_path, {"where": "language = 'en' AND n > 1", "offset": 1, "limit": 2}) as store:
        assert requests(store) == ["p5", "p7"]


def test_a_wrong_condition_names_its_place(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "p"}])
    with pytest.raises(InputError, match=r"where.*DuckDB rejects it"):
        collected(tmp_path, {"where": "lang = 'en'"})


def test_a_condition_cannot_read_files(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "p"}])
    (tmp_path / "secret.txt").write_text("secret")
    with pytest.raises(InputError, match="DuckDB rejects it"):
        collected(tmp_path, {"where": f"(SELECT content FROM read_text('{tmp_path}/secret.txt')) <> ''"})


def test_a_dotted_path_reads_the_field_of_every_object(tmp_path: Path) -> None:
    answers = [{"response": "good", "marks": {"quality": 5}}, {"response": "bad", "marks": {"quality": 1}}]
    lines(tmp_path / "rows.jsonl", [{"ask": {"text": "Why?"}, "completions": answers}])
    score = {"judge": "ann", "criterion": "quality", "column": "completions.marks.quality", "low": 1, "high": 5}
    columns = {"prompt": "ask.text", "responses": "completions.response"}
    with collected(tmp_path, {"columns": columns, "scores": [score]}) as store:
        found = store.rows("SELECT text, value FROM scores JOIN responses USING (answer)")
    assert {row["text"]: float(row["value"]) for row in found} == {"good": 5, "bad": 1}


def test_a_misspelled_path_is_an_error(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "p", "completions": [{"response": "good"}]}])
    with pytest.raises(InputError, match=r"no row has 'completions\.reply'"):
        collected(tmp_path, {"columns": {"responses": "completions.reply"}})


def test_a_system_column_and_an_input_column_join_the_prompt(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"system": "Be brief.", "instruction": "Sum up.", "input": "Rain."}])
    columns = {"prompt": "instruction", "system": "system", "input": "input"}
    with collected(tmp_path, {"columns": columns}) as store:
        messages = json.loads(column(store, "SELECT messages FROM current_prompts")[0])
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Sum up.\n\nRain."},
    ]


def test_scores_of_each_side_are_about_the_chosen_and_the_rejected_response(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "p", "chosen": "good", "rejected": "bad", "up": 4, "down": 2}])
    score = {"judge": "m", "criterion": "overall", "chosen": "up", "rejected": "down", "low": 1, "high": 5}
    sides = {"judge": "h", "chosen": "chosen", "rejected": "rejected"}
    with collected(tmp_path, {"scores": [score], "preferences": sides}) as store:
        found = store.rows("SELECT text, value FROM scores JOIN responses USING (answer)")
    assert {row["text"]: float(row["value"]) for row in found} == {"good": 4, "bad": 2}


def turn(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def test_a_conversation_is_kept_whole_and_a_different_one_is_dropped_and_counted(tmp_path: Path) -> None:
    before = [turn("user", "Hi."), turn("assistant", "Hello."), turn("user", "Bye?")]
    good, bad = [*before, turn("assistant", "Bye!")], [*before, turn("assistant", "No.")]
    other = [turn("user", "Yo."), turn("assistant", "Yes?"), turn("user", "Tea?"), turn("assistant", "Tea!")]
    else_ = [turn("user", "Yo."), turn("assistant", "What?"), turn("user", "Tea?"), turn("assistant", "Ugh.")]
    rows = [{"prompt": "Hi.", "chosen": good, "rejected": bad}, {"prompt": "Yo.", "chosen": other, "rejected": else_}]
    lines(tmp_path / "rows.jsonl", rows)
    with collected(tmp_path, {"preferences": {"judge": "h", "chosen": "chosen", "rejected": "rejected"}}) as store:
        assert comparisons(store) == [{"first": "Bye!", "second": "No.", "preferred": "first"}]
        assert json.loads(column(store, "SELECT messages FROM current_prompts ORDER BY position")[0]) == before
        assert dropped(store) == {
            ("response", "answers another conversation"): 2,
            ("comparison", "no response"): 1,
        }


def test_tool_calls_results_and_schemas_survive(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    schema = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    asked = [
        turn("user", "Weather in Paris?"),
        turn("assistant", None, tool_calls=[call]),
        turn("tool", "Sunny.", tool_call_id="c1", name="weather"),
    ]
    plain = {"prompt": [turn("user", "Hi.")], "responses": ["Hello."], "tools": None}
    lines(tmp_path / "rows.jsonl", [{"prompt": asked, "responses": ["It is sunny."], "tools": json.dumps([schema])}, plain])
    with collected(tmp_path, {"columns": {"responses": "responses", "tools": "tools"}}) as store:
        found, other = map(json.loads, column(store, "SELECT messages FROM current_prompts ORDER BY position"))
        assert column(store, "SELECT text FROM responses ORDER BY text") == ["Hello.", "It is sunny."]
    assert found == [{**asked[0], "tools": [schema]}, {**asked[1], "content": ""}, asked[2]]
    assert other == plain["prompt"]


def test_a_response_that_is_a_tool_call_keeps_it_as_text(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Paris", "unit": None}}}
    lines(tmp_path / "rows.jsonl", [{"prompt": "Weather?", "responses": [[turn("assistant", None, tool_calls=[call])]]}])
    with collected(tmp_path, {"columns": {"responses": "responses"}}) as store:
        text = column(store, "SELECT text FROM responses")[0]
    assert text == '<tool_call>\n{"name":"weather","arguments":{"city":"Paris"}}\n</tool_call>'


QUERY = """
SELECT question AS prompt, list(answer ORDER BY rank) AS responses,
    [{first: 1, second: 2, judge: 'ann', strength: NULL, tie: false}] AS preferences
FROM source GROUP BY question
"""


def test_a_query_may_group_all_rows(tmp_path: Path) -> None:
    rows = [
        {"question": f"q{n}", "answer": f"{word} {n}", "rank": rank}
        for rank, word in ((1, "best"), (2, "worst"))
        for n in (1, 2)
    ]
    lines(tmp_path / "rows.jsonl", rows)
    (tmp_path / "shape.sql").write_text(QUERY)
    with collected(tmp_path, {"query": "shape.sql"}) as store:
        assert sorted(row["first"] for row in comparisons(store)) == ["best 1", "best 2"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT question FROM source", "unknown column 'question'"),
        ("SELECT 1 AS prompt; SELECT 2", "one SELECT statement"),
        ("COPY source TO 'x.csv'", "one SELECT statement"),
        ("SELECT content AS prompt FROM read_text('rows.jsonl')", "DuckDB rejects it"),
        ("SELECT nothing AS prompt FROM source", "DuckDB rejects it"),
    ],
)
def test_a_wrong_query_is_an_error(query: str, message: str, tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"question": "q"}])
    (tmp_path / "shape.sql").write_text(query)
    with pytest.raises(InputError, match=message):
        collected(tmp_path, {"query": "shape.sql"})


def test_a_position_without_a_response_is_dropped_and_counted(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"question": "q"}, {"question": "r"}, {"question": "s"}])
    sql = "SELECT question AS prompt, ['a', 'b'] AS responses, "
    sql += "[{first: if(question = 'q', 3, 1), second: 2, judge: 'x', tie: false}] AS preferences FROM source"
    (tmp_path / "shape.sql").write_text(sql)
    with collected(tmp_path, {"query": "shape.sql"}) as store:
        assert dropped(store) == {("prompt", "a `first` that is not the position of a response in column 'preferences'"): 1}
