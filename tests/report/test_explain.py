"""Explain tells all that is known of one prompt, and shows no text that could hide or move other text."""

import json
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rlaif.context.run import now
from rlaif.core.errors import InputError
from rlaif.report.explain import PromptHistory, explain, queries, render
from rlaif.store.store import Store
from tests.support import report_store

EVIL = "\x1b[2J\x1b]0;owned\x07red\u202etxt [bold]not bold[/bold]"


def prompt(key: str, text: str, position: int) -> dict[str, Any]:
    messages = json.dumps([{"role": "user", "content": text}])
    return {
        "key": key,
        "messages": messages,
        "document": "The facts.",
        "metadata": '{"id": 1}',
        "source": f"rows.jsonl:{position + 1}",
        "position": position,
        "checklist": '["essential: It says why."]',
    }


def response(key: str, sample: int, **more: Any) -> dict[str, Any]:
    columns = ("answer", "text", "finish", "output_tokens", "failure", "detail")
    fixed = {"key": key, "prompt": "ab01", "generator": "g", "sample": sample, "attempt": 0, "created": now()}
    return dict.fromkeys(columns) | fixed | more


@pytest.fixture
def store(tmp_path: Path) -> Any:
    """One prompt with two answers and a failed one, two judges, a vote and a pairing; and two other prompts."""
    with Store(tmp_path / "store.duckdb") as store:
        store.append("prompts", [prompt("ab01", "Why?", 0), prompt("ab02", "How?", 1), prompt("cd03", "Who?", 2)])
        store.append("active_prompts", [{"prompt": "ab01"}, {"prompt": "ab02"}])
        store.append("generators", [{"key": "g", "name": "writer"}])
        store.append(
            "rendered_prompts", [{"prompt": "ab01", "generator": "g", "messages": '[{"role": "user", "content": "Shown"}]'}]
        )
        store.append(
            "responses",
            [
                response("r0", 0, answer="a0", text="Because.", finish="stop", output_tokens=3),
                response("r1", 1, answer="a1", text=EVIL, finish="length", output_tokens=9),
                response("r2", 2, failure="timeout", detail="no reply in 5 s"),
            ],
        )
        # One judge goes by two names: that must not tell anything twice.
        store.append(
            "judges", [{"key": "j", "name": "strict"}, {"key": "j", "name": "other"}, {"key": "h", "name": "human"}]
        )
        store.append("criteria", [{"key": "c", "name": "clarity", "low": 1.0, "high": 10.0}])
        store.append(
            "verdicts",
            [
                {"key": "v0", "answer": "a0", "judge": "j", "repeat": 0, "attempt": 0, "raw": "I say 7", "failure": None},
                {"key": "v1", "answer": "a1", "judge": "j", "repeat": 0, "attempt": 0, "raw": EVIL, "failure": "malformed"},
            ],
        )
        store.append(
            "scores",
            [
                {
                    "verdict": "v0",
                    "answer": "a0",
                    "judge": "j",
                    "criterion": "c",
                    "value": 7.0,
                    "expected": 6.5,
                    "spread": 0.25,
                    "rationale": "Clear.",
                    "failure": None,
                },
                {
                    "verdict": "v1",
                    "answer": "a1",
                    "judge": "j",
                    "criterion": "c",
                    "value": None,
                    "expected": None,
                    "spread": None,
                    "rationale": None,
                    "failure": "malformed",
                },
            ],
        )
        store.append(
            "findings",
            [
                {
                    "verdict": "v0",
                    "answer": "a0",
                    "judge": "j",
                    "criterion": "c",
                    "position": place,
                    "text": text,
                    "outcome": outcome,
                    "earned": 0.0,
                    "rationale": rationale,
                }
                for place, (text, outcome, rationale) in enumerate(
                    [("Dogs bark.", "not", "No dog."), (EVIL, "partly", None)]
                )
            ],
        )
        note = {"prompt": "ab01", "judge": "j", "criterion": "c", "texts": "[]", "created": now()}
        store.append(
            "notes",
            [note | {"failure": "timeout", "detail": "no reply in 9 s"}, note | {"texts": json.dumps(["A point.", EVIL])}],
        )
        store.append(
            "comparisons",
            [{"prompt": "ab01", "first": "a0", "second": "a1", "judge": "h", "criterion": "overall", "preferred": "first"}],
        )
        spec = json.dumps({"strategy": "best_vs_worst", "judge": "h"})
        store.append("pairings", [{"key": "p", "spec": spec, "created": now()}])
        store.append("reasons", [{"pairing": "p", "prompt": "ab01", "response": None, "reason": "paired", "others": 0}])
        store.append(
            "pairs",
            [{"pairing": "p", "prompt": "ab01", "chosen": "r0", "rejected": "r1", "margin": 12.5, "confidence": 0.75}],
        )
        yield store


def shown(story: PromptHistory) -> str:
    out = StringIO()
    render(story, Console(file=out, force_terminal=False, width=110))
    return out.getvalue()


def test_a_story_goes_from_sampling_to_pair(store: Store) -> None:
    story = explain(store, "ab01")
    assert story.in_play
    assert story.messages == [{"role": "user", "content": "Why?"}]
    assert story.metadata == {"id": 1}
    assert story.shown == {"writer": [{"role": "user", "content": "Shown"}]}
    assert [response.name for response in story.responses] == ["writer #0", "writer #1", "writer #2"]
    first, second, failed = story.responses
    (said,) = first.verdicts
    assert (said.judge, said.raw) == ("other", "I say 7")
    assert asdict(said.marks[0]) == {
        "criterion": "clarity",
        "value": 7.0,
        "expected": 6.5,
        "spread": 0.25,
        "low": 1.0,
        "high": 10.0,
        "rationale": "Clear.",
        "failure": None,
    }
    assert [asdict(found) for found in said.findings] == [
        {"criterion": "clarity", "text": "Dogs bark.", "outcome": "not", "rationale": "No dog."},
        {"criterion": "clarity", "text": EVIL, "outcome": "partly", "rationale": None},
    ]
    assert [(note.judge, note.texts, note.failure) for note in story.notes] == [
        ("other", [], "timeout"),
        ("other", ["A point.", EVIL], None),
    ]
    assert second.verdicts[0].marks[0].failure == "malformed"
    assert (failed.failure, failed.verdicts) == ("timeout", [])
    assert [asdict(vote) for vote in story.comparisons] == [
        {
            "judge": "human",
            "criterion": "overall",
            "first": "writer #0",
            "second": "writer #1",
            "preferred": "first",
            "probability": None,
            "rationale": None,
            "failure": None,
            "raw": None,
            "detail": None,
        }
    ]
    (outcome,) = story.outcomes
    assert (outcome.strategy, outcome.judge, outcome.prompt) == ("best_vs_worst", "human", "paired")
    assert outcome.responses == {"writer #0": "chosen", "writer #1": "rejected"}
    assert asdict(outcome.pairs[0]) == {"chosen": "writer #0", "rejected": "writer #1", "margin": 12.5, "confidence": 0.75}


def test_an_earlier_version_of_a_judge_is_marked(store: Store) -> None:
    """The judge was asked together, then apart; the pairs are of before."""
    store.append("judges", [{"key": "apart", "name": "strict"}, {"key": "apart", "name": "other"}])
    store.append("verdicts", [{"key": "v2", "answer": "a0", "judge": "apart", "repeat": 0, "attempt": 0, "raw": "I say 4"}])
    spec = json.dumps({"strategy": "pareto", "judge": "j", "judges": ["j", "h"], "mix": "mean"})
    store.append("pairings", [{"key": "q", "spec": spec, "created": now()}])
    store.append("reasons", [{"pairing": "q", "prompt": "ab01", "response": None, "reason": "paired", "others": 0}])

    def told(story: PromptHistory) -> tuple[list[str], str]:
        return [said.judge for said in story.responses[0].verdicts], story.outcomes[0].judge

    newest = explain(store, "ab01")
    assert told(newest) == (["other", "other, an earlier version (j)"], "other, an earlier version (j), human (mean)")
    assert "judge other, an earlier version (j)" in shown(newest)
    back = explain(store, "ab01", {"strict": "j", "other": "j"})
    assert told(back) == (["other, an earlier version (apart)", "other"], "other, human (mean)")


def test_a_story_is_plain_json(store: Store) -> None:
    story = asdict(explain(store, "ab01"))
    assert json.loads(json.dumps(story)) == story


def test_explain_shows_the_judges_replies_and_each_failure(store: Store) -> None:
    text = shown(explain(store, "ab01"))
    for part in (
        "Why?",
        "The facts.",
        "Because.",
        "I say 7",
        "6.50 ± 0.25",
        "1 to 10",
        "Clear.",
        "malformed",
        "timeout: no reply in 5 s",
        "timeout: no reply in 9 s",
        "A point.",
        "essential: It says why.",
        "Dogs bark.",
        "No dog.",
        "12.50",
        "best_vs_worst by human",
    ):
        assert part in text, part


@pytest.mark.fault("P11")
def test_text_cannot_drive_the_terminal(store: Store) -> None:
    text = shown(explain(store, "ab01"))
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "[bold]not bold[/bold]" in text


def test_an_inactive_prompt_is_reported_as_such(store: Store) -> None:
    story = explain(store, "CD")
    assert not story.in_play
    assert "not in use" in shown(story)
    assert "no responses" in shown(story)


@pytest.mark.parametrize(
    ("prefix", "what", "fix"),
    [
        ("ab", "several prompt ids start with 'ab'", "ab02  'How?'"),
        ("", "no id was given", "cd03  'Who?'"),
        ("who", "no prompt id starts with 'who'", "cd03  'Who?'"),
        ("ff", "no prompt id starts with 'ff'", "ab01  'Why?'"),
    ],
)
def test_an_unknown_or_ambiguous_id_lists_similar_ones(store: Store, prefix: str, what: str, fix: str) -> None:
    with pytest.raises(InputError) as error:
        explain(store, prefix)
    assert what in error.value.what
    assert fix in error.value.fix


def test_the_outcomes_of_a_prompt_are_those_of_the_view(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        report_store.fill(store, prompts=12)
        columns = "SELECT pairing, response, outcome FROM outcomes WHERE prompt = $prompt ORDER BY ALL"
        for row in store.rows("SELECT key FROM prompts"):
            found = store.rows(f"FROM ({queries.OUTCOMES}) ORDER BY ALL", prompt=row["key"])
            assert found == store.rows(columns, prompt=row["key"])
            assert len(found) > 1
