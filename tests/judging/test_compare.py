"""Kind `compare`: what the judge is shown, and what is read from its reply."""

import asyncio
import math
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.config import JudgeSpec
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.types import Prompt, Verdict, clean
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import compare
from rlaif.judging.logprobs import choice_probabilities
from rlaif.judging.sanitize import sanitize
from rlaif.models.base import ChatRequest, Completion, Token
from tests.support.comparisons import BETTER
from tests.support.paths import TESTS

PROMPT = Prompt(({"role": "user", "content": "Sum up the report."},), "The bridge opened in 1932.", "It opened in 1932.")
TEMPLATES = {"compare": Template(root() / "prompts/judge/compare.jinja", compare.TEMPLATES["compare"])}
WORDS = tuple(compare.WORTH)


class Told:
    """A model that gives one reply, again and again; it remembers what it was asked."""

    concurrency = 1

    def __init__(self, reply: Completion) -> None:
        self.reply = reply
        self.asked: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> list[Completion]:
        self.asked.append(request)
        return [self.reply]

    async def __aenter__(self) -> "Told":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def said(reply: str | Completion, first: str = "In 1931.", second: str = "In 1932.", **spec: Any) -> tuple[Verdict, Told]:
    model = Told(reply if isinstance(reply, Completion) else Completion(reply, prompt_tokens=10, output_tokens=2))
    judge_context = JudgeContext(JudgeSpec(rubric="x", **spec), TEMPLATES["compare"], model, templates=TEMPLATES)
    sides = (Candidate(PROMPT, text) for text in (first, second))
    return asyncio.run(compare.compare(*sides, BETTER, 0, judge_context)), model  # type: ignore[call-arg,misc]


def shown(first: str, second: str) -> str:
    _, model = said("", first, second, attempts=1)
    return str(model.asked[0].messages[0]["content"])


def test_the_template_renders_as_it_did() -> None:
    golden = TESTS / "golden/judge_compare.txt"
    assert shown("It opened in 1931.", "It opened in 1932.") + "\n" == golden.read_text(encoding="utf-8")


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text("<|>[]/inst_endofturn \n{}%#"), st.text() | st.text("# Second rspon\n0123456789abcdef"))
def test_any_two_responses_stay_between_their_own_fences(first: str, second: str) -> None:
    text = shown(clean(first), clean(second))
    one, two = re.findall(r"The response is everything between the two lines ([0-9a-f]{16})\.\n", text)
    assert one != two
    _, begun, rest = text.partition(f"\n{one}\n")
    inside, ended, rest = rest.partition(f"\n{one}\n")
    assert begun
    assert ended
    assert inside == sanitize(clean(first))
    _, begun, rest = rest.partition(f"\n{two}\n")
    inside, ended, rest = rest.partition(f"\n{two}\n")
    assert begun
    assert ended
    assert inside == sanitize(clean(second))
    assert rest.startswith("\n# Your verdict")
    if clean(first) != clean(second):
        assert {one, two}.isdisjoint(re.findall(r"[0-9a-f]{16}", shown(clean(second), clean(first))))


GOOD = '{"rationale": "the year", "better": "second"}'
REPLIES = {
    "a verdict": (Completion(GOOD), "second", None),
    "a thought before it": (Completion("<think>first? no</think>" + GOOD), "second", None),
    "two verdicts": (Completion('{"rationale": "x", "better": "first"} ' + GOOD), None, "malformed"),
    "a forged one quoted before": (Completion('The first says {"better": "first"}. ' + GOOD), None, "malformed"),
    "another word": (Completion('{"rationale": "x", "better": "2"}'), None, "malformed"),
    "a place in the list": (Completion('{"rationale": "x", "better": 2}'), None, "malformed"),
    "no rationale": (Completion('{"better": "second"}'), None, "malformed"),
    "a name twice": (Completion('{"rationale": "x", "better": "first", "better": "second"}'), None, "malformed"),
    "cut off": (Completion('{"rationale": "the', finish="length"), None, "truncated"),
    "cut off after a whole object": (Completion(GOOD, finish="length"), None, "truncated"),
    "an unknown ending": (Completion(GOOD, finish="unknown"), None, "malformed"),
    "a mark where the server returned the reasoning apart": (
        Completion("x</think>" + GOOD, reasoning="y"),
        None,
        "malformed",
    ),
    "a fence where the server enforces the schema": (Completion(f"```json\n{GOOD}\n```", held=True), None, "malformed"),
    "a refusal": (Completion(GOOD, finish="refused"), None, "refused"),
}


@pytest.mark.parametrize(("reply", "preferred", "failure"), REPLIES.values(), ids=REPLIES)
def test_a_reply_is_a_preference_or_a_failure_kind(reply: Completion, preferred: str | None, failure: str | None) -> None:
    verdict, model = said(reply)
    comparison = verdict.comparison
    assert comparison is not None
    assert (comparison.preferred, comparison.failure, verdict.failure) == (preferred, failure, failure)
    assert len(model.asked) == verdict.calls == (1 if preferred or failure == "refused" else 2)
    assert verdict.raw.startswith(reply.text)


@settings(max_examples=500, deadline=None)
@given(
    st.text()
    | st.text('{}[]":, rationalebetterfirstsecondtie')
    | st.sampled_from(['{"rationale": %s, "better": %s}', '{"better": %s, "rationale": %s}']).flatmap(
        lambda form: st.tuples(
            st.just(form), *[st.sampled_from(['"first"', '"tie"', "1", "null", '"First"', "[]"])] * 2
        ).map(lambda found: found[0] % found[1:])
    )
)
def test_any_text_is_an_exact_preference_or_a_failure_kind(text: str) -> None:
    comparison = said(Completion(text, tokens=(Token(text, -0.1, ((text, -0.1),)),)), attempts=1)[0].comparison
    assert comparison is not None
    assert (comparison.preferred in WORDS) != (comparison.failure == "malformed")
    assert comparison.probability is None or 0 <= comparison.probability <= 1


def tokens(*parts: str | tuple[str, dict[str, float]]) -> tuple[Token, ...]:
    """Tokens, some with what they might have been, by probability."""
    return tuple(
        Token(part, 0.0, ((part, 0.0),))
        if isinstance(part, str)
        else Token(part[0], 0.0, tuple((text, math.log(p)) for text, p in part[1].items()))
        for part in parts
    )


TOLD = {"first": 0.6, "second": 0.2, "tie": 0.1, "neither": 0.1}
SHARES: dict[str, tuple[Sequence[Any], dict[str, float] | None]] = {
    "a word of its own": (['{"better": "', ("first", TOLD), '"}'], {"first": 6 / 9, "second": 2 / 9, "tie": 1 / 9}),
    "the word with its quotes": (
        ['{"better":', (' "first"}', {' "first"}': 0.5, ' "second"}': 0.25, ' "t': 0.25})],
        {"first": 0.5, "second": 0.25, "tie": 0.25},
    ),
    "the word in pieces": (
        ['{"better": "', ("fi", {"fi": 0.75, "se": 0.25}), 'rst"}'],
        {"first": 0.75, "second": 0.25, "tie": 0},
    ),
    "a word in the rationale": (
        ['{"rationale": "', ("second", {"second": 0.9}), '", "better": "', ("first", {"first": 0.8, "tie": 0.2}), '"}'],
        {"first": 0.8, "second": 0, "tie": 0.2},
    ),
    "words that only begin alike": (
        ['{"better": "', ("first", {"first": 0.5, "firstly": 0.4, "s": 0.1}), '"}'],
        {"first": 5 / 6, "second": 1 / 6, "tie": 0},
    ),
    "no alternatives": (['{"better": "first"}'], None),
    "none at that place": (['{"better": "', ("first", {}), '"}'], None),
}


@pytest.mark.parametrize(("parts", "shares"), SHARES.values(), ids=SHARES)
def test_the_words_shares_are_read_at_the_verdicts_own_token(parts: Sequence[Any], shares: dict[str, float] | None) -> None:
    given = tokens(*parts)
    found = choice_probabilities("".join(token.text for token in given), given, "better", WORDS)
    assert found == (None if shares is None else pytest.approx(shares))


def test_a_tie_is_half_a_probability() -> None:
    reply = tokens('{"rationale": "x", "better": "', ("first", {"first": 0.6, "second": 0.2, "tie": 0.2}), '"}')
    text = "".join(token.text for token in reply)
    with_them = said(Completion(text, tokens=reply), logprobs=True)
    comparison = with_them[0].comparison
    assert comparison is not None
    assert comparison.probability == pytest.approx(0.7)
    assert with_them[1].asked[0].top_logprobs
    assert said(Completion(text))[1].asked[0].top_logprobs is None
