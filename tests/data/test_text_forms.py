"""Lists and transcripts that a column holds as text are read where that is clear, and reported where it is not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.core.errors import InputError
from rlaif.data.sources.text_forms import LONGEST_LITERAL, parse_list, transcript
from rlaif.store.store import Store
from tests.support.collecting import collected, column, comparisons, dropped, lines, requests
from tests.support.displays import RecordedNotes

ARENA: dict[str, Any] = {
    "columns": {"responses": ["response_a", "response_b"]},
    "preferences": {"judge": "human", "column": "winner", "pairs": [[1, 2]], "first": "a", "second": "b"},
}
PAIRED: dict[str, Any] = {
    "columns": {"prompt": "chosen"},
    "preferences": {"judge": "human", "chosen": "chosen", "rejected": "rejected"},
}


def arena(write: Any, *turns: int) -> list[dict[str, Any]]:
    """Rows as chatbot arenas publish them: every column a list written as text."""
    return [
        {
            "prompt": write([f"ask {n}, {turn}?" for turn in range(count)]),
            "winner": "ab"[n % 2],
            "response_a": write([f"a {n}, {turn}" for turn in range(count)]),
            "response_b": write([f"b {n}, {turn}" for turn in range(count)]),
        }
        for n, count in enumerate(turns)
    ]


def messages(store: Store) -> list[Any]:
    return [json.loads(text) for text in column(store, "SELECT messages FROM current_prompts ORDER BY position")]


@pytest.mark.parametrize("write", [json.dumps, repr], ids=["JSON", "Python"])
def test_a_column_of_lists_written_as_text_is_read_as_lists(write: Any, tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", arena(write, 1, 1, 2))
    told = RecordedNotes()
    with collected(tmp_path, ARENA, progress=told) as store:
        assert requests(store) == ["ask 0, 0?", "ask 1, 0?"]
        assert [tuple(row.values()) for row in comparisons(store)] == [
            ("a 0, 0", "b 0, 0", "first"),
            ("a 1, 0", "b 1, 0", "second"),
        ]
        # Not a bad row: it is whole, but which answer stands between its turns is not known.
        assert dropped(store) == {("prompt", "several user turns without the answers between them in column 'prompt'"): 1}
    assert any(
        "column 'prompt' of rows.jsonl holds lists written as text; they are read as lists" in line for line in told.lines
    )


def test_many_turns_without_answers_do_not_stop_the_collection(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", arena(json.dumps, 1, *[3] * 40))
    with collected(tmp_path, ARENA) as store:
        assert requests(store) == ["ask 0, 0?"]


@pytest.mark.parametrize("write", [json.dumps, repr], ids=["JSON", "Python"])
@pytest.mark.parametrize("keys", [("role", "content", "user", "assistant"), ("from", "value", "human", "gpt")])
def test_a_conversation_written_as_text_is_a_conversation(write: Any, keys: tuple[str, ...], tmp_path: Path) -> None:
    role, content, asks, answers = keys
    chat = [{role: asks, content: "It's A?"}, {role: answers, content: 'A "b"'}, {role: asks, content: "C\n?"}]
    # One plain prompt among them makes no difference: a list of messages is never meant as a prompt.
    rows = [{"prompt": "plain", "text": "x"}, {"prompt": write(chat), "text": write([*chat, {role: answers, content: "D"}])}]
    lines(tmp_path / "rows.jsonl", rows)
    with collected(tmp_path, {"columns": {"responses": "text"}}) as store:
        assert messages(store)[1] == [
            {"role": "user", "content": "It's A?"},
            {"role": "assistant", "content": 'A "b"'},
            {"role": "user", "content": "C\n?"},
        ]
        assert column(store, "SELECT text FROM responses ORDER BY text") == ["D", "x"]


def test_a_prompt_that_happens_to_be_a_list_stays_as_it_is(tmp_path: Path) -> None:
    texts = ['["b", "a"]', "Sort this.", "[1, 2, 3]", '{"role": "user"}', "[INST] hello [/INST]"]
    lines(tmp_path / "rows.jsonl", [{"prompt": text} for text in texts])
    told = RecordedNotes()
    with collected(tmp_path, progress=told) as store:
        assert requests(store) == texts
    assert [line for line in told.lines if "looks like a list" in line and "1 x" in line and "rows.jsonl:1" in line]


def test_numpys_lists_without_commas_are_reported_and_never_run_together(tmp_path: Path) -> None:
    # Python alone would read ['a' 'b'] as the one string 'ab'.
    assert parse_list("['a' 'b']") is None
    lines(tmp_path / "rows.jsonl", [{"prompt": "['What is it?' 'And then?']"}, {"prompt": "['Why?' 'How?']"}])
    with pytest.raises(InputError, match="2 x a list written as text that cannot be parsed in column 'prompt'"):
        collected(tmp_path)
    turns = "[{'role': 'user', 'content': 'A'}\n {'role': 'assistant', 'content': 'B'}]"
    lines(tmp_path / "rows.jsonl", [{"prompt": turns}, {"prompt": "plain"}])
    with collected(tmp_path) as store:
        assert requests(store) == ["plain"]
        assert list(dropped(store)) == [("prompt", "a list written as text that cannot be parsed in column 'prompt'")]


HOSTILE = [
    "[" * 100_000 + "]" * 100_000,
    "[" + "-" * 300_000 + "1]",
    "[__import__('os').system('true')]",
    "[1" + "0" * 10_000 + "]",
    "['" + "a" * LONGEST_LITERAL + "']",
    "[lambda: 0]",
    "['a', *x]",
    "['\\",
    "[\0]",
    "[f'{1}']",
    "['a'\n'b']",
    "[" + "(" * 5000 + "]",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_list_is_not_read_as_a_list(text: str) -> None:
    assert parse_list(text) is None


PLAIN = (
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text() | st.floats(allow_nan=False, allow_infinity=False)
)
NESTED = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=6
)


@given(st.lists(NESTED, max_size=4))
def test_any_list_that_python_writes_is_read_back(value: list[Any]) -> None:
    # NUL stands in no Python literal that repr writes, for repr escapes it.
    assert parse_list(repr(value)) == value


@given(st.text())
def test_any_text_is_a_list_or_none(text: str) -> None:
    assert isinstance(parse_list(text), list | None)
    assert isinstance(parse_list(f"[{text}]"), list | None)


def hh(*turns: str) -> str:
    """A transcript as HH-RLHF has it."""
    return "".join(f"\n\n{('Human', 'Assistant')[n % 2]}: {turn}" for n, turn in enumerate(turns))


def test_hh_transcripts_become_prompt_chosen_and_rejected(tmp_path: Path) -> None:
    rows = [
        {"chosen": hh("A?", "good"), "rejected": hh("A?", "bad")},
        {"chosen": hh("B?", "first", "C?", "good\n\nand long"), "rejected": hh("B?", "first", "C?", "bad: no")},
        {"chosen": hh("D?", "good"), "rejected": hh("D?", "")},
        {"chosen": hh("E?", "one", "F?", "good"), "rejected": hh("E?", "another", "F?", "bad")},
    ]
    lines(tmp_path / "rows.jsonl", rows)
    told = RecordedNotes()
    with collected(tmp_path, PAIRED, progress=told) as store:
        assert [[turn["content"] for turn in chat] for chat in messages(store)] == [
            ["A?"],
            ["B?", "first", "C?"],
            ["D?"],
            ["E?", "one", "F?"],
        ]
        assert {turn["role"] for chat in messages(store) for turn in chat[::2]} == {"user"}
        assert [tuple(row.values()) for row in comparisons(store)] == [
            ("good", "bad", "first"),
            ("good\n\nand long", "bad: no", "first"),
        ]
        assert dropped(store) == {
            ("response", "ends without an answer"): 1,
            ("response", "answers another conversation"): 1,
            ("comparison", "no response"): 2,
        }
    assert any("holds transcripts" in line and "'chosen'" in line for line in told.lines)


def test_a_transcript_as_the_prompt_alone_ends_with_its_last_question(tmp_path: Path) -> None:
    lines(
        tmp_path / "rows.jsonl",
        [{"prompt": hh("A?", "b", "C?") + "\n\nAssistant:", "text": "d"}, {"prompt": hh("E?"), "text": "f"}],
    )
    with collected(tmp_path, {"columns": {"responses": "text"}}) as store:
        assert [[turn["content"] for turn in chat] for chat in messages(store)] == [["A?", "b", "C?"], ["E?"]]


ODD_TURNS = [hh("A?", "b") + "\n\nAssistant: c", hh("A?") + "\n\nHuman: B?\n\nAssistant: c", "\n\nAssistant: a\n\nHuman: B?"]


@pytest.mark.parametrize("odd", ODD_TURNS)
def test_a_transcript_whose_turns_do_not_alternate_is_dropped(odd: str, tmp_path: Path) -> None:
    rows = [{"prompt": hh("A?", "b", "C?")}, {"prompt": odd}, {"prompt": hh("D?", "e", "F?")}]
    if odd.startswith("\n\nAssistant"):
        with pytest.raises(Exception, match="do not alternate"):
            transcript(odd, "prompt")
        return
    lines(tmp_path / "rows.jsonl", rows)
    with collected(tmp_path) as store:
        assert dropped(store) == {("prompt", "a transcript whose turns do not alternate in column 'prompt'"): 1}
        assert requests(store) == ["C?", "F?"]


def test_one_dialogue_among_plain_prompts_stays_as_it_is(tmp_path: Path) -> None:
    dialogue = "Human: hi\n\nAssistant: hello\n\nSum up this dialogue."
    lines(tmp_path / "rows.jsonl", [{"prompt": "plain"}, {"prompt": dialogue}])
    with collected(tmp_path) as store:
        assert requests(store) == ["plain", dialogue]


LONG = "This is a response of more than a few words."


def test_prompts_that_are_their_own_responses_stop_the_collection(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"chosen": f"{LONG} {n}", "rejected": f"Worse {n}."} for n in range(20)])
    with pytest.raises(InputError, match="20 x a prompt in column 'chosen' that is its own response") as error:
        collected(tmp_path, PAIRED)
    assert "set columns.prompt to a column with prompts only" in str(error.value)


def test_prompts_that_end_with_their_own_responses_are_reported_and_kept(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {n}\n{LONG} {n}", "text": f"{LONG} {n}"} for n in range(5)] + [
        {"prompt": "Say yes", "text": "yes"}
    ]
    lines(tmp_path / "rows.jsonl", rows)
    told = RecordedNotes()
    with collected(tmp_path, {"columns": {"responses": "text"}}, progress=told) as store:
        assert len(requests(store)) == 6
    (note,) = [line for line in told.lines if "its own response" in line]
    assert "5 x a prompt in column 'prompt' that ends with its own response, first at" in note
    assert "rows.jsonl:1" in note


def test_lists_of_codes_and_scores_in_csv_are_read(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(
        'prompt,texts,marks,votes\nA,"[""x"", ""y""]","[4, 2]","[1]"\nB,"[""z"", ""w""]","[null, 3.5]",2\n'
    )
    source = {
        "path": "rows.csv",
        "columns": {"responses": "texts"},
        "scores": [{"judge": "ann", "criterion": "q", "column": "marks", "low": 1, "high": 5}],
        "preferences": {"judge": "bob", "column": "votes", "pairs": [[1, 2]]},
    }
    with collected(tmp_path, source) as store:
        found = store.rows("SELECT text, value::DOUBLE AS value FROM scores JOIN responses USING (answer) ORDER BY text")
        assert [tuple(row.values()) for row in found] == [("w", 3.5), ("x", 4.0), ("y", 2.0)]
        assert [tuple(row.values()) for row in comparisons(store)] == [("x", "y", "first"), ("z", "w", "second")]


def test_one_message_in_place_of_a_list_is_read(tmp_path: Path) -> None:
    row = {"prompt": {"role": "user", "content": "A"}, "chosen": {"role": "assistant", "content": "x"}, "rejected": ["y"]}
    lines(tmp_path / "rows.jsonl", [row])
    with collected(tmp_path, {"preferences": PAIRED["preferences"]}) as store:
        assert requests(store) == ["A"]
        assert [tuple(row.values()) for row in comparisons(store)] == [("x", "y", "first")]


def test_a_column_of_responses_may_hold_one_conversation_or_several_messages(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "C"}]
    lines(
        tmp_path / "rows.jsonl",
        [
            {"prompt": chat, "texts": [*chat, {"role": "assistant", "content": "d"}]},
            {"prompt": "E", "texts": [{"role": "assistant", "content": text} for text in ("f", "g")]},
        ],
    )
    with collected(tmp_path, {"columns": {"responses": "texts"}}) as store:
        assert column(store, "SELECT text FROM responses ORDER BY text") == ["d", "f", "g"]
