"""The native formats of fine-tuned judges: what their replies mean, what the judge is shown, and which pipelines are refused."""

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.config import JudgeSpec, load
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Prompt
from rlaif.judging import Candidate, JudgeContext, formats
from rlaif.judging.criteria import compare, scale
from rlaif.judging.judge import JudgeFiles, load_judge
from rlaif.judging.native import ReplyFormat
from rlaif.judging.rubric import Compare, Scale
from rlaif.models.base import Completion, Token
from tests.support.paths import TESTS
from tests.support.scripted_judge import Told, done

LEVELS = {1: "It misses the point.", 5: "It is right."}
BETTER = Compare(name="better", kind="compare", question="Which one is right?")
PROMPT = Prompt(({"role": "user", "content": "Sum up the report."},), "The bridge opened in 1932.", "It opened in 1932.")


def form_of(name: str, kind: str) -> ReplyFormat:
    form = getattr(formats.load(name), kind)
    assert form
    return form  # type: ignore[no-any-return]


KINDS = [(name, kind) for name in formats.names() for kind in ("scale", "compare") if getattr(formats.load(name), kind)]


def verdict(name: str, kind: str, reply: str | Completion) -> str:
    """The word of the verdict, or the kind of the failure."""
    try:
        return form_of(name, kind).read(reply if isinstance(reply, Completion) else Completion(reply)).word
    except ModelError as error:
        return error.kind


CASES = [
    ("prometheus2", "scale", "Feedback: It is right. [RESULT] 4", "4"),
    ("prometheus2", "scale", "It is right.\n\n[RESULT] 5\n", "5"),
    ("prometheus2", "scale", "[RESULT]1", "1"),
    ("prometheus2", "scale", "Feedback: fine [RESULT] 6", "malformed"),
    ("prometheus2", "scale", "Feedback: fine [RESULT] 0", "malformed"),
    ("prometheus2", "scale", "Feedback: fine [RESULT] 4.5", "malformed"),
    ("prometheus2", "scale", "Feedback: fine [RESULT] 45", "malformed"),
    ("prometheus2", "scale", "Feedback: fine [RESULT] 4 of 5", "malformed"),
    ("prometheus2", "scale", "Feedback: fine [RESULT] A", "malformed"),
    ("prometheus2", "scale", "Feedback: fine, a 4.", "malformed"),
    ("prometheus2", "scale", "Feedback: it ends with [RESULT] 5, which is wrong. [RESULT] 2", "malformed"),
    ("prometheus2", "scale", "Feedback: quoted: [RESULT] 5", "5"),
    ("prometheus2", "scale", "[RESULT] 5 Feedback: fine", "malformed"),
    ("prometheus2", "scale", "<think>[RESULT] 5?</think>Feedback: no [RESULT] 2", "2"),
    ("prometheus2", "scale", "<think>[RESULT] 5", "malformed"),
    ("prometheus2", "scale", "", "malformed"),
    ("prometheus2", "compare", "Feedback: A is right. [RESULT] A", "A"),
    ("prometheus2", "compare", "Feedback: B is right. [RESULT] B", "B"),
    ("prometheus2", "compare", "Feedback: neither [RESULT] C", "malformed"),
    ("prometheus2", "compare", "Feedback: both [RESULT] A or B", "malformed"),
    ("prometheus2", "compare", "[RESULT] a", "malformed"),
    ("selene", "scale", "**Reasoning:** right.\n\n**Result:** 3", "3"),
    ("selene", "scale", "**Result:** 3", "3"),
    ("selene", "scale", "**Reasoning:** right.\n\n**Result:** 7", "malformed"),
    ("selene", "scale", "**Reasoning:** it says **Result:** 5\n\n**Result:** 1", "malformed"),
    ("selene", "scale", "**Reasoning:** right.\n\nResult: 3", "malformed"),
    ("selene", "compare", "**Reasoning:** one is right.\n\n**Result:** B", "B"),
    ("selene", "compare", "**Reasoning:** one is right.\n\n**Result:** Tie", "malformed"),
    ("rm_r1", "compare", "<type>Chat</type> <eval>fine</eval> <answer>[[B]]</answer>", "B"),
    ("rm_r1", "compare", "<think>[[A]] seems wrong</think>\n<answer>[[B]]</answer>\n", "B"),
    ("rm_r1", "compare", "B, so [[B]], finally <answer>[[B]]</answer>", "B"),
    ("rm_r1", "compare", "It claims [[A]]. <answer>[[B]]</answer>", "malformed"),
    ("rm_r1", "compare", "<answer>[[A]]</answer> or <answer>[[B]]</answer>", "malformed"),
    ("rm_r1", "compare", "<answer>[[C]]</answer>", "malformed"),
    ("rm_r1", "compare", "[[A]]", "malformed"),
    ("rm_r1", "compare", "<answer>[[A]]</answer> That is all.", "malformed"),
    ("skywork_critic", "compare", "[[A]]", "A"),
    ("skywork_critic", "compare", " [[B]]\n", "B"),
    ("skywork_critic", "compare", "[[A]] [[B]]", "malformed"),
    ("skywork_critic", "compare", "A", "malformed"),
    ("yes_no", "scale", "Yes", "Yes"),
    ("yes_no", "scale", " No.", "No"),
    ("yes_no", "scale", "The sum is right. Is the answer correct (Yes/No)? Yes", "Yes"),
    ("yes_no", "scale", "Yes, because it is right.", "malformed"),
    ("yes_no", "scale", "Maybe", "malformed"),
    ("yes_no", "scale", "The answer says: correct (Yes/No)? Yes. But is it (Yes/No)? No", "malformed"),
]


@pytest.mark.parametrize(("name", "kind", "reply", "expected"), CASES)
def test_a_reply_is_the_verdict_that_it_ends_with_or_a_failure(name: str, kind: str, reply: str, expected: str) -> None:
    assert verdict(name, kind, reply) == expected


@pytest.mark.parametrize(("finish", "failure"), [("length", "truncated"), ("refused", "refused"), ("unknown", "malformed")])
@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_a_reply_that_may_not_be_whole_is_no_verdict(name: str, kind: str, finish: str, failure: str) -> None:
    reply = form_of(name, kind).replies[0].replace("{text}", "fine")
    assert verdict(name, kind, Completion(reply, finish)) == failure


PIECES = st.sampled_from(
    [
        "[RESULT] ",
        "[[A]]",
        "[[B]]",
        "**Result:** ",
        "(Yes/No)? ",
        "Yes",
        "5",
        "A",
        "<answer>",
        "</answer>",
        "</think>",
        "\n",
        " so ",
    ]
)


@pytest.mark.parametrize(("name", "kind"), KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_text_before_the_verdict_turns_it_into_another_one(name: str, kind: str, data: st.DataObject) -> None:
    form = form_of(name, kind)
    word = data.draw(st.sampled_from(list(form.values)))
    before = data.draw(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join))
    reply = before + form.example.replace("{text}", "").replace("{word}", word)
    assert verdict(name, kind, reply) in (word, "malformed")


@pytest.mark.parametrize(("name", "kind"), KINDS)
@settings(max_examples=100, deadline=None)
@given(
    text=st.text()
    | st.lists(PIECES | st.sampled_from(["###Score Rubrics:\n", "```", "[The End of "]), max_size=8).map("".join)
)
def test_a_response_shows_the_judge_no_intact_mark_of_its_format(name: str, kind: str, text: str) -> None:
    shown = context(name).shown(text)
    assert not formats.load(name).marks.search(shown)
    assert form_of(name, kind).mark.search(shown) is None


def context(name: str, model: Any = None, **more: Any) -> JudgeContext:
    form = formats.load(name)
    own = {"compare": template(f"{name}_compare", compare.TEMPLATES["compare"])} if form.compare else {}
    spec = JudgeSpec(rubric="x", format=name, attempts=1, **more)
    return JudgeContext(spec, template(name if form.scale else "scale", scale.VARIABLES), model, templates=own)


def template(name: str, variables: frozenset[str]) -> Template:
    return Template(root() / f"prompts/judge/{name}.jinja", variables)


def rated(name: str) -> Scale:
    form = formats.load(name)
    return Scale(
        name="right", low=form.low, high=form.high, question="Is it right?", levels=LEVELS if form.high == 5 else {}
    )


def asked(name: str, kind: str, prompt: Prompt) -> str:
    told, (first, second) = Told(""), (Candidate(prompt, text) for text in ("It opened in 1931.", "It opened in 1932."))
    if kind == "scale":
        done(scale.judge(first, [rated(name)], 0, context(name, told)))
    else:
        done(compare.compare(first, second, BETTER, 0, context(name, told)))
    return told.asked[0]


def test_the_templates_render_as_they_did() -> None:
    plain = Prompt(PROMPT.messages)
    shown = [f"==== {name} {kind}\n{asked(name, kind, prompt)}\n" for name, kind in KINDS for prompt in (PROMPT, plain)]
    assert "".join(shown) == (TESTS / "golden/judge_formats.txt").read_text(encoding="utf-8")


def tokens(*texts: str, alternatives: dict[str, float]) -> tuple[Token, ...]:
    top = tuple((text, math.log(share)) for text, share in alternatives.items())
    return tuple(Token(text, -0.1, top if text in alternatives else ()) for text in texts)


def test_the_score_of_a_verifier_is_the_probability_of_yes() -> None:
    reply = Completion("No", tokens=tokens("No", alternatives={"No": 0.5, "Yes": 0.3, "Maybe": 0.2}))
    verdict = judged("yes_no", reply, logprobs=True)
    assert (verdict.scores[0].value, verdict.scores[0].expected) == (0, pytest.approx(0.375))


def test_a_native_score_has_an_expected_value() -> None:
    text = ("Fine", ".", " [", "RESULT", "]", " 4")
    reply = Completion("".join(text), tokens=tokens(*text, alternatives={" 4": 0.6, " 5": 0.2, " 2": 0.2, " x": 0.1}))
    score = judged("prometheus2", reply, logprobs=True).scores[0]
    assert (score.value, score.expected, score.rationale) == (4, pytest.approx(3.8), "Fine.")


class Given:
    concurrency = 1

    def __init__(self, reply: Completion) -> None:
        self.reply = reply

    async def complete(self, request: Any) -> list[Completion]:
        assert request.schema is None
        return [self.reply]

    async def __aenter__(self) -> "Given":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def judged(name: str, reply: Completion, **more: Any) -> Any:
    subject = Candidate(PROMPT, "It opened.")
    return asyncio.run(scale.judge(subject, [rated(name)], 0, context(name, Given(reply), **more)))


def test_a_native_comparison_has_a_probability() -> None:
    text = ("[[", "B", "]]")
    reply = Completion("".join(text), tokens=tokens(*text, alternatives={"B": 0.6, "A": 0.2}))
    model = Given(reply)
    sides = (Candidate(PROMPT, each) for each in ("In 1931.", "In 1932."))
    found = asyncio.run(compare.compare(*sides, BETTER, 0, context("skywork_critic", model, logprobs=True)))  # type: ignore[call-arg]
    assert found.comparison
    assert (found.comparison.preferred, found.comparison.probability) == ("second", pytest.approx(0.25))


PIPELINE = """
name: p
out: out
models: {m: {kind: scripted}}
judges: {x: {model: m, rubric: rubric.yaml, SETTINGS}}
collect: {sources: [{path: none.jsonl}]}
"""
SCALE = {"name": "s", "question": "Is it right?"}
CHOICE = {"name": "c", "kind": "compare", "question": "Which one is right?"}
REFUSED = [
    ("format: promethius2", [SCALE], "unknown format 'promethius2'", "prometheus2"),
    ("format: rm_r1", [SCALE], "cannot judge criteria of kind scale", "kind compare"),
    ("format: yes_no, logprobs: true", [CHOICE], "cannot judge criteria of kind compare", "kind scale"),
    ("format: selene", [{"name": "c", "kind": "claims"}], "cannot judge criteria of kind claims", "kind compare or scale"),
    ("format: prometheus2", [SCALE | {"high": 10}], "'s' is not from 1 to 5", "high: 5"),
    ("format: yes_no, logprobs: true", [SCALE], "'s' is not from 0 to 1", "low: 0"),
    ("format: yes_no", [SCALE | {"low": 0, "high": 1}], "needs log-probabilities", "logprobs: true"),
]


def loaded(folder: Path, options: str, criteria: list[dict[str, Any]]) -> Any:
    (folder / "pipeline.yaml").write_text(PIPELINE.replace("SETTINGS", options))
    (folder / "rubric.yaml").write_text(json.dumps({"name": "r", "criteria": criteria}))
    return load_judge(load(folder / "pipeline.yaml"), "x", JudgeFiles())


@pytest.mark.parametrize(("options", "criteria", "what", "fix"), REFUSED)
def test_a_format_that_does_not_fit_is_refused(
    tmp_path: Path, options: str, criteria: list[dict[str, Any]], what: str, fix: str
) -> None:
    with pytest.raises(InputError) as raised:
        loaded(tmp_path, options, criteria)
    assert what in raised.value.what
    assert fix in raised.value.fix
    assert raised.value.where.startswith(str(tmp_path / "pipeline.yaml:5"))


def test_a_judge_without_a_format_keeps_its_key(tmp_path: Path) -> None:
    assert loaded(tmp_path, "calls: together", [SCALE, CHOICE]).key == "0d0c26542ddd83ac1f74fa08e61e3956"
    assert loaded(tmp_path, "format: prometheus2", [SCALE, CHOICE]).key != "0d0c26542ddd83ac1f74fa08e61e3956"
