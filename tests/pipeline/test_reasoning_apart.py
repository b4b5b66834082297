"""Reasoning is stored apart from responses and verdicts, whatever marks surround it, and goes only where it is asked for."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import ModelError
from rlaif.models.reasoning import separate
from rlaif.report.explain import explain
from tests.support.servers import Reply, Request, chat, choice, serve

SECRET = "PONDERING"
TEXT = "The year is 1912."
# What a model's server returns: the message's content and its other fields.
REPLIES: Mapping[str, tuple[Any, dict[str, Any]]] = {
    "reasoning_content (DeepSeek, vLLM)": (TEXT, {"reasoning_content": SECRET}),
    "reasoning (OpenRouter, vLLM)": (TEXT, {"reasoning": SECRET}),
    "parts (Mistral)": (
        [{"type": "thinking", "thinking": [{"type": "text", "text": SECRET}]}, {"type": "text", "text": TEXT}],
        {},
    ),
    "think": (f"<think>\n{SECRET}\n</think>\n\n{TEXT}", {}),
    "opened by the template": (f"{SECRET}\n</think>\n\n{TEXT}", {}),
    "thinking": (f"<thinking>{SECRET}</thinking>{TEXT}", {}),
    "Magistral": (f"[THINK]{SECRET}[/THINK]{TEXT}", {}),
    "harmony": (
        f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}<|return|>",
        {},
    ),
    "two thoughts": (f"<think>{SECRET}</think><think>{SECRET} again</think>{TEXT}", {}),
    "separate and inline": (f"<think>{SECRET}</think>{TEXT}", {"reasoning_content": SECRET}),
}


def described(folder: Path, base_url: str, **generate: Any) -> Path:
    prompts = [json.dumps({"prompt": f"Question {n}?"}) for n in range(len(REPLIES))]
    (folder / "prompts.jsonl").write_text("\n".join(prompts))
    levels = {1: "wrong", 5: "right"}
    criterion = {"name": "help", "question": "Does it help?", "levels": levels}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": [criterion]}))
    model = {"kind": "openai", "base_url": base_url}
    data = {
        "name": "reasoning",
        "out": str(folder / "out"),
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {"writer": model | {"model": "writer"}, "critic": model | {"model": "critic"}},
        "generate": {"model": "writer", "samples": 2, "logprobs": False} | generate,
        "judges": {"j": {"rubric": "rubric.yaml", "model": "critic", "max_tokens": 100, "reasoning_tokens": 500}},
        "pair": {},
    }
    (folder / "pipeline.yaml").write_text(json.dumps(data))
    return folder / "pipeline.yaml"


class Writer:
    """A server of two models: a writer with a dialect per prompt, whose first sample is better, and a critic that reasons."""

    def __init__(self) -> None:
        self.judged: list[str] = []
        self.limits: set[int] = set()

    def __call__(self, request: Request) -> Reply:
        shown = request.body["messages"][-1]["content"]
        if request.body["model"] == "critic":
            self.judged.append(json.dumps(request.body))
            self.limits.add(request.body.get("max_tokens") or request.body["max_completion_tokens"])
            verdict = json.dumps({"help": {"rationale": "so", "score": 5 if "not sure" not in shown else 1}})
            return chat(choice(verdict, reasoning_content="The critic ponders."))
        number = int(shown.partition("Question ")[2].partition("?")[0])
        content, fields = list(REPLIES.values())[number]
        other = json.loads(json.dumps(content).replace(TEXT, "I am not sure."))
        count = request.body.get("n", 1)
        return chat(*(choice(text, index, **fields) for index, text in enumerate([content, other][:count])))


def run(folder: Path, writer: Writer, **generate: Any) -> Path:
    async def served() -> Path:
        async with serve([writer]) as server:
            path = described(folder, server.base_url, **generate)
            await asyncio.to_thread(work, path)
            return path

    def work(path: Path) -> None:
        with pipeline.open_run(load(path)) as (plan, context):
            pipeline.collect(context)
            pipeline.generate_and_judge(plan, context)
            pipeline.pair(plan, context)
            pipeline.export(plan, context, folder / "plain", ["jsonl"])
            pipeline.export(plan, context, folder / "reasoned", ["jsonl"], reasoning=True)

    return asyncio.run(served())


def test_reasoning_in_any_format_is_passed_on_only_on_request(tmp_path: Path) -> None:
    writer = Writer()
    path = run(tmp_path, writer)
    with pipeline.open_run(load(path)) as (_, context):
        rows = context.store.rows("SELECT text, reasoning FROM responses")
        assert {row["text"] for row in rows} == {TEXT, "I am not sure."}
        assert all(SECRET in row["reasoning"] for row in rows)
        assert {row["reasoning"] for row in context.store.rows("FROM verdicts")} == {"The critic ponders."}
        (pairing,) = context.store.rows("SELECT key FROM newest_pairing")
        trained = context.store.query("pipeline/sql/train/pairs", pairing=pairing["key"], held_out=0)
        assert (len(trained), SECRET in str(trained)) == (len(REPLIES), False)
        (prompt, *_) = context.store.rows("SELECT prompt FROM active_prompts")
        assert SECRET in str(explain(context.store, prompt["prompt"]))
    assert writer.judged
    assert not [body for body in writer.judged if SECRET in body]
    assert writer.limits == {600}
    pairs = [json.loads(line) for line in (tmp_path / "plain/preference/train.jsonl").read_text().splitlines()]
    assert len(pairs) == len(REPLIES)
    assert SECRET not in json.dumps(pairs)
    assert {row["chosen"][0]["content"] for row in pairs} == {TEXT}
    reasoned = [json.loads(line) for line in (tmp_path / "reasoned/preference/train.jsonl").read_text().splitlines()]
    assert all(SECRET in row["chosen"][0]["reasoning_content"] for row in reasoned)
    assert {row["chosen"][0]["content"] for row in reasoned} == {TEXT}


def test_kept_reasoning_is_part_of_the_response(tmp_path: Path) -> None:
    writer = Writer()
    with pipeline.open_run(load(run(tmp_path, writer, reasoning="keep"))) as (_, context):
        rows = context.store.rows("SELECT text, reasoning FROM responses")
    assert all(SECRET in row["text"] and row["reasoning"] is None for row in rows)
    assert {row["text"].endswith(("1912.", "sure.", "<|return|>")) for row in rows} == {True}
    assert all(SECRET in body for body in writer.judged)


UNFINISHED = {
    "inline": choice("<think>" + SECRET, finish="length"),
    "inline, with an ending that looks whole": choice("<think>" + SECRET),
    "separate": choice("", finish="length", reasoning_content=SECRET),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_response_that_ends_while_thinking_is_a_failure_of_its_kind(name: str, tmp_path: Path) -> None:
    def work(path: Path) -> list[dict[str, Any]]:
        with pipeline.open_run(load(path)) as (plan, context):
            pipeline.collect(context)
            with pytest.raises(ModelError, match="10 unfinished_reasoning"):
                pipeline.generate(plan, context)
            return context.store.rows("SELECT DISTINCT failure, detail, attempt FROM responses")

    async def served() -> list[dict[str, Any]]:
        async with serve([lambda request: chat(UNFINISHED[name])]) as server:
            return await asyncio.to_thread(work, described(tmp_path, server.base_url, samples=1))

    (row,) = asyncio.run(served())
    assert row["failure"] == "unfinished_reasoning"
    assert "Raise generate.max_tokens" in row["detail"]


OPENINGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "[THINK]": "[/THINK]",
    "<reasoning>": "</reasoning>",
    "<|channel|>analysis<|message|>": "<|end|><|start|>assistant<|channel|>final<|message|>",
    "◁think▷": "◁/think▷",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<seed:think>": "</seed:think>",
}
WORDS = st.text(alphabet='abc {}"\n', max_size=20)


@given(
    mark=st.sampled_from(sorted(OPENINGS)),
    before=WORDS,
    after=WORDS,
    opened=st.booleans(),
    gap=st.sampled_from(["", "\n", "\n\n"]),
)
def test_no_text_holds_reasoning_with_any_marks(mark: str, before: str, after: str, opened: bool, gap: str) -> None:
    thought = f"{before}{SECRET}{after}".rstrip('"')
    reply = f"{mark if opened else ''}{gap}{thought}{gap}{OPENINGS[mark]}{gap}{TEXT}"
    found = separate(reply)
    assert found.text == TEXT
    assert found.reasoning == thought.strip()


QUOTES = [
    "Close the block with `</think>` and go on.",
    'The tag "</think>" ends it.',
    "```xml\n<a>\n</think>\n```\nThat is all.",
    "Models write <think>…</think> before they answer.",
]


@pytest.mark.parametrize("text", QUOTES)
def test_a_response_that_quotes_a_mark_stays_whole(text: str) -> None:
    assert separate(text).text == text
    assert separate(text, "thought").text == text


def test_line_breaks_that_servers_leave_between_reasoning_and_text_are_dropped() -> None:
    assert separate("\n\nThe answer.\n", "thought").text == "The answer.\n"
    assert separate("    indented code").text == "    indented code"


@pytest.mark.parametrize("reasoning", ["separate", "keep"])
def test_reasoning_in_imported_responses_is_separated_too(reasoning: str, tmp_path: Path) -> None:
    texts = [reply for reply, fields in REPLIES.values() if isinstance(reply, str) and not fields and SECRET in reply]
    rows = [{"prompt": f"Question {n}?", "answer": text} for n, text in enumerate([*texts, "<think>" + SECRET])]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    source = {"path": "rows.jsonl", "columns": {"responses": "answer"}, "reasoning": reasoning}
    data = {"name": "imported", "out": str(tmp_path / "out"), "collect": {"sources": [source]}}
    (tmp_path / "pipeline.yaml").write_text(json.dumps(data))
    with pipeline.open_run(load(tmp_path / "pipeline.yaml")) as (_, context):
        pipeline.collect(context)
        stored = context.store.rows("SELECT text, reasoning FROM responses")
        dropped = context.store.rows("SELECT reason FROM dropped")
    assert len(stored) == len(texts)
    assert dropped == [{"reason": "unfinished_reasoning"}]
    if reasoning == "separate":
        assert {row["text"] for row in stored} == {TEXT}
        assert all(SECRET in row["reasoning"] for row in stored)
    else:
        assert {row["text"] for row in stored} == set(texts)
