"""Collect brings the store to what the sources hold: each thing once, and everything that is left out with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.core.types import Prompt, key, stored
from rlaif.pipeline.stages import collect
from rlaif.pipeline.stages.collect import DIFFERING_SCORES
from rlaif.store.store import Store
from tests.support.collecting import collected, column, comparisons, dropped, lines, requests
from tests.support.displays import RecordedNotes
from tests.support.paths import ROOT, SHARED

QA_FEEDBACK = ROOT / "pipelines" / "qa_feedback.yaml"


def test_a_prompt_keeps_its_text_document_reference_and_metadata(tmp_path: Path) -> None:
    row = {"q": "Why?\u2028Really", "doc": [["Title", "One.", "Two."], "Three."], "gold": "So.", "id": 7, "tag": None}
    lines(tmp_path / "rows.jsonl", [row])
    columns = {"prompt": "q", "document": "doc", "reference": "gold", "metadata": ["id", "tag"]}
    with collected(tmp_path, {"columns": columns}) as store:
        (kept,) = store.rows("FROM prompts")
    messages = ({"role": "user", "content": "Why?\u2028Really"},)
    prompt = Prompt(messages, document="Title\nOne.\nTwo.\n\nThree.", reference="So.")  # type: ignore[arg-type]
    assert kept["key"] == prompt.key
    assert kept["normal_key"] == prompt.normal_key
    assert json.loads(kept["messages"]) == list(messages)
    assert (kept["document"], kept["reference"]) == (prompt.document, prompt.reference)
    assert json.loads(kept["metadata"]) == {"id": 7, "tag": None}
    assert kept["source"] == f"{tmp_path / 'rows.jsonl'}:1"
    assert 0 <= kept["bucket"] < 10_000


def test_a_checklist_is_kept_and_a_prompt_without_one_keeps_its_key(tmp_path: Path) -> None:
    items = [
        {"text": "It names\nthe year.", "weight": "Essential"},
        {"item": "It is long.", "weight": "pitfall"},
        "It is true.",
    ]
    lines(
        tmp_path / "rows.jsonl",
        [{"prompt": "When?", "list": items}, {"prompt": "When?", "list": None}, {"prompt": "Who?", "list": []}],
    )
    with collected(tmp_path, {"columns": {"checklist": "list"}}) as store:
        listed, *bare = store.rows("FROM prompts ORDER BY position")
    asked = ({"role": "user", "content": "When?"},)
    checklist = ("essential: It names the year.", "pitfall: It is long.", "essential: It is true.")
    prompt = Prompt(asked, checklist=checklist)  # type: ignore[arg-type]
    assert (stored(listed), listed["key"]) == (prompt, prompt.key)
    assert [row["checklist"] for row in bare] == [None] * len(bare)
    assert {row["key"] for row in bare} >= {key("prompt", [{"role": "user", "content": "Who?"}], None, None)}


def test_a_chat_counts_up_to_its_last_user_turn(tmp_path: Path) -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "A?"},
        {"role": "assistant", "content": "B."},
        {"role": "user", "content": "C?"},
        {"role": "assistant", "content": "D."},
    ]
    lines(tmp_path / "rows.jsonl", [{"prompt": chat}, {"prompt": chat[:1]}])
    with collected(tmp_path) as store:
        assert [json.loads(text) for text in column(store, "SELECT messages FROM prompts")] == [chat[:4]]
        assert dropped(store) == {("prompt", "empty"): 1}


@pytest.mark.fault("P12")
def test_duplicates_and_blanks_are_dropped_with_their_reason(tmp_path: Path) -> None:
    texts = ["Hello there", "hello   THERE!", "Hello there", "", "  \n", None, "Other"]
    lines(tmp_path / "rows.jsonl", [{"prompt": text} for text in texts])
    with collected(tmp_path) as store:
        assert requests(store) == ["Hello there", "Other"]
        assert dropped(store) == {("prompt", "duplicate"): 1, ("prompt", "near duplicate"): 1, ("prompt", "empty"): 3}


def test_the_same_sources_are_not_read_twice(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A"}, {"prompt": "A"}])
    collected(tmp_path).close()
    with collected(tmp_path) as store:
        assert requests(store) == ["A"]
        assert dropped(store) == {("prompt", "duplicate"): 1}
        assert column(store, "SELECT count(*) FROM stage_runs") == [1]


def test_added_rows_add_their_prompts_at_the_end(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A"}, {"prompt": "B"}, {"prompt": "b"}])
    collected(tmp_path).close()
    lines(tmp_path / "rows.jsonl", [{"prompt": "new"}, {"prompt": "A"}, {"prompt": "B"}, {"prompt": "b"}])
    with collected(tmp_path) as store:
        assert requests(store) == ["A", "B", "new"]
        assert column(store, "SELECT position FROM prompts ORDER BY 1") == [0, 1, 2]
        assert dropped(store) == {("prompt", "near duplicate"): 1}


@pytest.mark.fault("P8")
def test_a_prompt_removed_from_its_source_is_inactive_but_kept(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A"}, {"prompt": "B"}])
    collected(tmp_path).close()
    lines(tmp_path / "rows.jsonl", [{"prompt": "B"}])
    with collected(tmp_path) as store:
        assert requests(store) == ["B"]
        assert column(store, "SELECT count(*) FROM prompts") == [2]
    lines(tmp_path / "rows.jsonl", [{"prompt": "B"}, {"prompt": "A"}])
    with collected(tmp_path) as store:
        assert requests(store) == ["A", "B"]
        assert column(store, "SELECT count(*) FROM prompts") == [2]


def test_a_near_duplicate_becomes_active_when_the_first_is_removed(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A"}, {"prompt": "a!"}])
    collected(tmp_path).close()
    lines(tmp_path / "rows.jsonl", [{"prompt": "a!"}])
    with collected(tmp_path) as store:
        assert requests(store) == ["a!"]


def test_changed_metadata_replaces_the_old(tmp_path: Path) -> None:
    for tag in ("old", "new"):
        lines(tmp_path / "rows.jsonl", [{"prompt": "A", "tag": tag}])
        with collected(tmp_path, {"columns": {"metadata": ["tag"]}}) as store:
            assert column(store, "SELECT metadata FROM prompts") == [f'{{"tag":"{tag}"}}']


def test_answers_are_numbered_and_each_distinct_one_counts_once(tmp_path: Path) -> None:
    rows = [
        {"prompt": "A", "texts": ["one", "two", None, "one"]},
        {"prompt": "A", "texts": ["three", "two"]},
        {"prompt": "a?", "texts": ["lost"]},
        {"prompt": "B", "texts": None},
    ]
    lines(tmp_path / "rows.jsonl", rows)
    with collected(tmp_path, {"columns": {"responses": "texts"}, "generator": "someone"}) as store:
        kept = store.rows("SELECT text, sample, finish FROM responses ORDER BY sample")
        assert [tuple(row.values()) for row in kept] == [("one", 0, "stop"), ("two", 1, "stop"), ("three", 2, "stop")]
        assert column(store, "SELECT name FROM generators") == ["someone"]
        assert dropped(store) == {
            ("prompt", "duplicate"): 1,
            ("prompt", "near duplicate"): 1,
            ("response", "empty"): 1,
            ("response", "duplicate"): 2,
            ("response", "near duplicate"): 1,
        }


def test_an_answer_that_stays_in_its_source_keeps_its_first_collection_time(tmp_path: Path) -> None:
    found = []
    for texts in (["one"], ["zero", "one"]):
        lines(tmp_path / "rows.jsonl", [{"prompt": "A", "texts": texts}])
        with collected(tmp_path, {"columns": {"responses": "texts"}}) as store:
            found.append({row["text"]: row["created"] for row in store.rows("SELECT text, created FROM responses")})
    assert found[0]["one"] == found[1]["one"] < found[1]["zero"]


def test_an_answer_that_is_corrected_in_its_source_replaces_the_old_one(tmp_path: Path) -> None:
    for text in ("wrong", "right"):
        lines(tmp_path / "rows.jsonl", [{"prompt": "A", "text": text}])
        with collected(tmp_path, {"columns": {"responses": "text"}}) as store:
            assert column(store, "SELECT text FROM responses") == [text]
            assert column(store, "SELECT count(*) FROM generators") == [1]


def test_a_score_out_of_range_or_no_number_is_a_failure_and_never_a_value(tmp_path: Path) -> None:
    marks = [4, "4.5", 11, "good", None, True, float("nan")]
    row = {"prompt": "A", "texts": [f"text {mark}" for mark in marks], "marks": marks}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))  # NaN as Python writes it
    scores = [{"judge": "ann", "criterion": "quality", "column": "marks", "low": 1, "high": 10}]
    with collected(tmp_path, {"columns": {"responses": "texts"}, "scores": scores}, max_bad_rows=1) as store:
        query = "SELECT value::DOUBLE AS value, scores.failure FROM scores JOIN responses USING (answer) ORDER BY sample"
        outcomes = [tuple(row.values()) for row in store.rows(query)]
        bad = (None, "malformed")
        # True is 1, as in `is_correct: true`.
        assert outcomes == [(4.0, None), (4.5, None), bad, bad, (1.0, None), bad]
        assert dropped(store) == {("score", "missing"): 1}
        assert column(store, "SELECT raw FROM verdicts JOIN scores ON verdict = key WHERE value = 4") == ['{"quality": 4}']
        (criterion,) = store.rows("SELECT name, kind, low, high FROM criteria")
        assert criterion == {"name": "quality", "kind": "imported", "low": 1.0, "high": 10.0}


def test_a_judge_that_scores_an_answer_again_adds_a_repeat(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A", "text": "same", "mark": mark} for mark in (4, 4, 1)])
    scores = [{"judge": "ann", "criterion": "quality", "column": "mark", "low": 0, "high": 5}]
    with collected(tmp_path, {"columns": {"responses": "text"}, "scores": scores}) as store:
        assert store.rows("SELECT score::DOUBLE AS score, repeats FROM latest_scores") == [{"score": 3.0, "repeats": 3}]


def test_different_scores_of_one_answer_are_counted_and_reported(tmp_path: Path) -> None:
    marked = [
        ("same", 4, 2),
        ("same", 4, 3),
        ("other", 1, 2),
        ("other", 5, 2),
        ("other", 3, None),
        ("alone", 2, 2),
        ("bad", 9, 1),
    ]
    lines(tmp_path / "rows.jsonl", [{"prompt": "A", "text": text, "one": one, "two": two} for text, one, two in marked])
    lines(tmp_path / "more.jsonl", [{"prompt": "A", "text": "alone", "one": 1}, {"prompt": "A", "text": "bad", "one": 2}])
    one, two = ({"judge": "ann", "criterion": name, "column": name, "low": 0, "high": 5} for name in ("one", "two"))
    columns, told = {"responses": "text"}, RecordedNotes()
    sources = {"columns": columns, "scores": [one, two]}, {"path": "more.jsonl", "columns": columns, "scores": [one]}
    with collected(tmp_path, *sources, progress=told) as store:
        # "same" by the second column, "other" by the first, and "alone" in both sources; of "bad" one was no score.
        assert store.query(DIFFERING_SCORES) == [{"n": 3}]
    assert "collect: 3 x different scores of one answer by one judge and criterion: their mean counts" in told.lines


VOTES = {"judge": "human", "column": "votes", "pairs": [[1, 2], [1, 3]], "first": "L", "second": "R", "tie": "="}


@pytest.mark.parametrize(
    ("codes", "texts", "votes", "lost"),
    [
        (["L", "R"], ["a", "b", "c"], [("a", "b", "first"), ("a", "c", "second")], {}),
        (["=", "?"], ["a", "b", "c"], [("a", "b", "tie")], {("comparison", "unknown code"): 1}),
        (["L", "L"], ["a", "b"], [("a", "b", "first")], {("comparison", "no response"): 1}),
        (
            ["L", "L"],
            ["a", "a", "c"],
            [("a", "c", "first")],
            {("comparison", "same answer twice"): 1, ("response", "duplicate"): 1},
        ),
    ],
)
def test_preference_codes_become_comparisons(
    tmp_path: Path, codes: list[str], texts: list[str], votes: list[Any], lost: dict[Any, int]
) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A", "texts": texts, "votes": codes}])
    with collected(tmp_path, {"columns": {"responses": "texts"}, "preferences": VOTES}) as store:
        assert [tuple(row.values()) for row in comparisons(store)] == votes
        assert dropped(store) == lost
        assert column(store, "SELECT name FROM judges") == ["human"]


def test_chosen_and_rejected_columns_become_two_answers_and_a_vote(tmp_path: Path) -> None:
    def chat(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "A"}, {"role": "assistant", "content": text}]

    rows = [{"chosen": chat("good"), "rejected": chat("bad")}, {"chosen": chat("good"), "rejected": chat("worse")}]
    lines(tmp_path / "rows.jsonl", rows)
    source = {"columns": {"prompt": "chosen"}, "preferences": {"judge": "human", "chosen": "chosen", "rejected": "rejected"}}
    with collected(tmp_path, source) as store:
        assert requests(store) == ["A"]
        assert [tuple(row.values()) for row in comparisons(store)] == [("good", "bad", "first"), ("good", "worse", "first")]
        assert dropped(store) == {("prompt", "duplicate"): 1, ("response", "duplicate"): 1}


def test_preferences_are_about_the_last_turn_of_the_conversation_that_both_sides_share(tmp_path: Path) -> None:
    good, bad, other = (
        [{"role": "user" if each.isupper() else "assistant", "content": each} for each in said.split()]
        for said in ("A b C good", "A b C bad", "A bad")
    )
    lines(tmp_path / "rows.jsonl", [{"prompt": "A", "chosen": good, "rejected": each} for each in (bad, other)])
    preferences = {"judge": "human", "chosen": "chosen", "rejected": "rejected"}
    told = RecordedNotes()
    with collected(tmp_path, {"preferences": preferences}, progress=told) as store:
        # The first row's sides share two more turns, which become part of the prompt; those of the second row do not.
        assert [tuple(row.values()) for row in comparisons(store)] == [("good", "bad", "first")]
        assert dropped(store) == {("response", "answers another conversation"): 1, ("comparison", "no response"): 1}
    assert any(line.endswith("name its column as columns.prompt)") for line in told.lines)
    with collected(tmp_path, {"columns": {"prompt": "chosen"}, "preferences": preferences}) as store:
        assert [json.loads(text) for text in column(store, "SELECT messages FROM current_prompts")] == [good[:3]]
        assert [tuple(row.values()) for row in comparisons(store)] == [("good", "bad", "first")]
        assert dropped(store) == {
            ("prompt", "duplicate"): 1,
            ("comparison", "no response"): 1,
            ("response", "answers another conversation"): 1,
            ("response", "duplicate"): 1,
        }


def test_several_sources_share_one_set_of_prompts(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "A", "text": "one"}])
    lines(tmp_path / "more.jsonl", [{"q": "A"}, {"q": "B"}])
    sources = {"columns": {"responses": "text"}}, {"path": "more.jsonl", "columns": {"prompt": "q"}}
    with collected(tmp_path, *sources) as store:
        assert requests(store) == ["A", "B"]
        assert dropped(store) == {("prompt", "duplicate"): 1}


def test_a_source_may_be_cut_at_a_limit(tmp_path: Path) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": str(number)} for number in range(9)])
    with collected(tmp_path, {"limit": 3}) as store:
        assert requests(store) == ["0", "1", "2"]


WRONG = [
    ('{"prompt": "A"}\n{"prompt": \n', {}, "rows.jsonl:2:", "not JSON"),
    ('{"prompt": "A", "text": "a"}\n', {"columns": {"checklist": "texd"}}, "columns.checklist", "Did you mean 'text'?"),
    ('{"prompts": "A"}\n', {}, "pipeline.yaml:1", "Did you mean 'prompts'?"),
    ('{"prompt": "A", "text": "a"}\n', {"columns": {"document": "texd"}}, "columns.document", "Did you mean 'text'?"),
    ('{"prompt": ""}\n', {}, "collect.sources", "All rows were dropped: 1 empty"),
    ("", {}, "collect.sources", "hold no prompts"),
    ('{"prompt": "A"}\n', {"path": "absent.jsonl"}, "sources.0.path", "no such file"),
    ('{"prompt": "A"}\n', {"path": "pipeline.yaml"}, "sources.0.path", "unknown kind of file"),
]


@pytest.mark.parametrize(("content", "source", "where", "what"), WRONG)
def test_a_mistake_is_reported_with_its_place_and_leaves_the_store_unchanged(
    tmp_path: Path, content: str, source: dict[str, Any], where: str, what: str
) -> None:
    lines(tmp_path / "rows.jsonl", [{"prompt": "before"}])
    collected(tmp_path).close()
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(InputError) as error:
        collected(tmp_path, source)
    assert where in error.value.where
    assert what in str(error.value)
    with Store(tmp_path / "store.duckdb") as store:
        assert requests(store) == ["before"]
    assert not list(tmp_path.glob(".*.work-*"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")
def test_the_real_human_preferences_come_in_whole(tmp_path: Path) -> None:
    config = load(QA_FEEDBACK, [f"collect.sources.0.path={SHARED / 'qa_feedback.jsonl'}", f"out={tmp_path}"])
    with Store(tmp_path / "store.duckdb") as store:
        collect.run(Context(config, store))
        assert len(requests(store)) == 300
        # One question comes with no passages.
        assert column(store, "SELECT count(*) FROM current_prompts WHERE document <> ''") == [299]
        assert store.rows("SELECT count(*) AS n, count(DISTINCT answer) AS answers FROM responses") == [
            {"n": 1200, "answers": 1200}
        ]
        votes = store.rows("SELECT preferred, count(*) AS n FROM comparisons GROUP BY preferred ORDER BY preferred")
        assert [tuple(row.values()) for row in votes] == [("first", 996), ("second", 620), ("tie", 184)]
        assert dropped(store) == {}
        # Every vote that is no tie makes a pair; no prompt is left without an outcome.
        pairing = pipeline.pair(pipeline.resolve(config), Context(config, store))
        assert (pairing.pairs, sum(pairing.outcomes.values())) == (996 + 620, 300)
