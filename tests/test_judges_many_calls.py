"""Kinds that make several calls: claims, key points, checklists. The scripted model answers; the store is the ledger."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif import run
from rlaif.config import JudgeSpec, load
from rlaif.errors import ModelError
from rlaif.judges import KINDS, Bench, Subject
from rlaif.judges.retrieve import Words, chunks
from rlaif.models.ask import Ask, Completion
from rlaif.records import Prompt, Verdict, clean
from rlaif.rubric import Checklist, Claims, KeyPoints
from rlaif.shipped import root
from rlaif.store import Store
from rlaif.template import Template, defuse, fence
from rlaif.verdict import TEXT, TEXTS, read_fields

PROMPT = Prompt(({"role": "user", "content": "Sum up."},), "The bridge opened in 1932. It cost five million.", "1932.")
CRITERIA: dict[str, Any] = {
    "claims": Claims(name="c", kind="claims"),
    "keypoints": KeyPoints(name="k", kind="keypoints"),
    "checklist": Checklist(name="l", kind="checklist"),
}
TEMPLATES = {
    name: Template(root() / f"prompts/judge/{name}.jinja", allowed)
    for kind in CRITERIA
    for name, allowed in KINDS[kind].TEMPLATES.items()
}


class Told:
    """A model that answers what it is told to, in turn, the last again and again; it remembers what it was asked."""

    concurrency = 1

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[str] = []

    async def complete(self, ask: Ask) -> list[Completion]:
        self.asked.append(ask.messages[0]["content"])
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return [Completion(reply, prompt_tokens=10, output_tokens=2)]

    async def __aenter__(self) -> "Told":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def judged(kind: str, model: Told, text: str = "It opened in 1931.", prompt: Prompt = PROMPT) -> Verdict:
    bench = Bench(JudgeSpec(rubric="x"), TEMPLATES["claims"], model, templates=TEMPLATES)
    verdict: Verdict = asyncio.run(KINDS[kind].judge(Subject(prompt, text), [CRITERIA[kind]], 0, bench))
    return verdict


def support(word: str) -> str:
    return json.dumps({"rationale": "r", "support": word})


def points(*words: str) -> str:
    return json.dumps({"rationale": "r"} | {str(number): word for number, word in enumerate(words, 1)})


ITEMS = json.dumps({"essential": ["a"], "important": ["b"], "optional": ["c"], "pitfall": ["d"]})
VALUES: dict[str, tuple[str, list[str], float, list[str]]] = {
    "claims": (
        "claims",
        ['{"claims": ["a", "b", "c", "d"]}', *map(support, ("supported", "supported", "partly", "not"))],
        2.5 / 4,
        ["supported", "supported", "partly", "not"],
    ),
    "keypoints": (
        "keypoints",
        ['{"points": ["a", "b"]}', points("covered", "missing")],
        0.5,
        ["covered", "missing"],
    ),
    "all met": ("checklist", [ITEMS, points("yes", "yes", "yes", "no")], 1.0, ["yes", "yes", "yes", "no"]),
    "a pitfall": ("checklist", [ITEMS, points("yes", "no", "no", "yes")], 1.0 / 2.9, ["yes", "no", "no", "yes"]),
}


@pytest.mark.parametrize(("kind", "replies", "value", "outcomes"), VALUES.values(), ids=VALUES)
def test_a_value_is_the_share_of_what_was_found_and_every_finding_is_kept(
    kind: str, replies: list[str], value: float, outcomes: list[str]
) -> None:
    model = Told(*replies)
    verdict = judged(kind, model)
    assert verdict.scores[0].value == pytest.approx(value)
    assert [finding.outcome for finding in verdict.findings] == outcomes
    assert verdict.raw.endswith(replies[-1])


def test_a_judgement_of_claims_counts_all_its_calls_and_tokens() -> None:
    verdict = judged("claims", Told(*VALUES["claims"][1]))
    assert (verdict.calls, verdict.prompt_tokens, verdict.output_tokens) == (5, 50, 10)


EMPTY = {
    "no claim": ("claims", '{"claims": []}', PROMPT),
    "no document for claims": ("claims", "", Prompt(PROMPT.messages)),
    "no key point": ("keypoints", '{"points": []}', PROMPT),
    "no document for key points": ("keypoints", "", Prompt(PROMPT.messages)),
    "no item": ("checklist", '{"essential": [], "important": [], "optional": [], "pitfall": []}', PROMPT),
}


@pytest.mark.parametrize(("kind", "reply", "prompt"), EMPTY.values(), ids=EMPTY)
def test_nothing_to_judge_is_inapplicable_and_no_zero(kind: str, reply: str, prompt: Prompt) -> None:
    verdict = judged(kind, Told(reply), prompt=prompt)
    assert [(score.value, score.failure) for score in verdict.scores] == [(None, "inapplicable")]


FIRST = {"claims": '{"claims": ["a"]}', "keypoints": '{"points": ["a", "b"]}', "checklist": ITEMS}
JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["1", "2", "rationale", "support", "claims"]), inner), max_leaves=6)  # fmt: skip
REPLIES = st.text() | JSON.map(json.dumps) | st.sampled_from([support("not"), points("covered", "partly"), "{" * 2000])


@pytest.mark.parametrize("kind", CRITERIA)
@settings(max_examples=300, deadline=None)
@given(reply=REPLIES, first=st.booleans())
def test_any_reply_whatsoever_gives_a_share_or_a_failure(kind: str, reply: str, first: bool) -> None:
    model = Told(reply) if first else Told(FIRST[kind], reply)
    (score,) = judged(kind, model).scores
    assert score.criterion == CRITERIA[kind].key
    assert (score.value is None) == (score.failure is not None)
    assert score.value is None or 0 <= score.value <= 1


@settings(max_examples=300, deadline=None)
@given(text=st.text() | st.text(alphabet="<|>[]/inst \n\x00\u200b{}%#", max_size=60))
@pytest.mark.parametrize("kind", CRITERIA)
def test_whatever_a_response_says_it_stays_between_its_fences(kind: str, text: str) -> None:
    model = Told(FIRST[kind], "no verdict")
    text = clean(text)
    judged(kind, model, text)
    nonce = fence(Subject(PROMPT, text).answer)
    shown = next(asked for asked in model.asked if nonce in asked)
    assert f"\n{nonce}\n{defuse(text)}\n{nonce}\n\n# Your" in shown


def test_a_reply_is_read_strictly() -> None:
    fields: dict[str, Any] = {"a": TEXT, "b": TEXTS, "c": ("yes", "no")}
    assert read_fields('{"a": "x", "b": [" y "], "c": "no"}', fields) == {"a": "x", "b": ["y"], "c": "no"}
    for wrong in ({"c": "maybe"}, {"b": "y"}, {"b": [" "]}, {"b": ["y"] * 99}, {"a": 1}, {"d": 1}):
        with pytest.raises(ModelError):
            read_fields(json.dumps({"a": "x", "b": ["y"], "c": "no"} | wrong), fields)


def test_chunks_lose_no_word_and_the_best_come_in_the_documents_order() -> None:
    pieces = chunks("the harbour closed early the bridge opened late the mayor went home the bridge cost much", 4)
    assert " ".join(pieces).split()[-1] == "much"
    (found,) = asyncio.run(Words().best(pieces, ["What did the bridge cost?"], 2))
    assert found == ["the bridge opened late", "the bridge cost much"]


PIPELINE = """
name: many
out: {out}
models:
  writer: {{kind: scripted, salt: w}}
  first: {{kind: scripted, salt: a}}
judges:
  a: {{model: first, rubric: rubrics/long_document.yaml, calls: apart}}
collect:
  sources: [{{path: prompts.jsonl, columns: {{prompt: prompt, document: document}}}}]
generate: {{model: writer, samples: {samples}}}
pair: {{judge: a}}
"""


def test_a_response_costs_four_calls_and_its_claims_and_key_points_are_made_once_for_a_prompt(tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": f"Sum up {n}.", "document": f"Crates came in {n}."}) for n in range(4)]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    ledger = judge_with(tmp_path, samples=2)
    ledger(4 * 2)
    # More samples: their own calls, and no key points again.
    ledger = judge_with(tmp_path, samples=5)
    ledger(4 * 5)


def judge_with(folder: Path, samples: int) -> Callable[[int], None]:
    (folder / "many.yaml").write_text(PIPELINE.format(out=folder / "out", samples=samples))
    with run.opened(load(folder / "many.yaml", [])) as context:
        run.collect(context)
        run.generate_and_judge(context)

    def ledger(answers: int) -> None:
        with Store(folder / "out/store.duckdb", read_only=True) as store:
            count = {name: store.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in ("notes", "verdicts")}
            calls = store.rows("SELECT sum(calls)::BIGINT AS n FROM work WHERE stage = 'judge a'")[0]["n"]
            claims = store.rows("SELECT count(*) AS n FROM findings WHERE outcome IN ('supported', 'partly', 'not') "
                                "AND rationale IS NOT NULL")[0]["n"]  # fmt: skip
        assert count == {"notes": 4, "verdicts": 4 * answers}
        assert calls == 4 * answers + claims + 4

    return ledger
