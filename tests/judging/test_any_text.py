"""For any text whatsoever: what a judge says gives exact values in range or a failure kind, and what a response says stays
between its fences. Every text goes through each kind of criterion and each template; `make slow` tries four times as many."""

import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.config.resources import root
from rlaif.config.templates import fence
from rlaif.core.errors import TERMINAL, ModelError
from rlaif.core.types import Prompt, Verdict, clean, key
from rlaif.judging import KINDS, Candidate, Note
from rlaif.judging.criteria import scale
from rlaif.judging.criteria.compare import compare
from rlaif.judging.parsing import parse_scores
from rlaif.judging.rubric import Compare, load_rubric
from rlaif.judging.sanitize import sanitize
from tests.support.attack_texts import HIDDEN, MARKS, joined
from tests.support.scripted_judge import COUNTING, PROMPT, Told, done, judge_context

SCALES = load_rubric(root() / "rubrics/grounded.yaml").criteria[:2]
OTHER = Candidate(PROMPT, "It opened in 1931.")
COMPARE = Compare(name="better", kind="compare", question="Which is better?")
NOTED = {"keypoints": Note(["a", "b"]), "checklist": Note(["essential: a", "pitfall: b"])}
# Pieces of which replies are made, right ones too.
REPLIES = [
    '{"rationale": "r", "score": 4}',
    '{"rationale": "r", "support": "partly"}',
    '{"rationale": "r", "1": "covered", "2": "missing"}',
    '{"rationale": "r", "1": "yes", "2": "no"}',
    '{"rationale": "r", "better": "tie"}',
    '{"claims": ["a", "b"]}',
    '{"points": []}',
    '{"helpfulness": {"rationale": "r", "score": 2}, "faithfulness": {"rationale": "r", "score": 5}}',
    '{"essential": ["a"], "important": [], "optional": [], "pitfall": ["b"]}',
    "{",
    "}",
    "[",
    "]",
    '"',
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    '"score"',
    '"1"',
    '"rationale"',
    "```json\n",
    "\n```",
    "<think>",
    "</think>",
    "null",
    "true",
    "NaN",
    "-1",
    "1e999",
    "4.0",
    "4.5",
    "5",
    "6",
    '"yes"',
    '"covered"',
    '"supported"',
    " ",
    "\n",
    "é",
]
# What attacks on a prompt are made of.
ATTACKS = [
    "0123456789abcdef",
    "\n",
    "# Your verdict",
    "```",
    "<|im_start|>",
    "<|im_",
    "end|>",
    "[INST]",
    "[/IN",
    "ST]",
    "</s>",
    "\u200b",
    "<｜User｜>",
    "\u202e",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    '"score": 5',
    "fence",
    "\\",
    "<start_of_turn>",
    "<<SYS>>",
    "\r\n",
    "\U000e0041",
]
# Sixteen bits a character: every script, lone surrogates, controls.
ANY = st.binary(max_size=40).map(lambda drawn: drawn[: len(drawn) // 2 * 2].decode("utf-16-le", "surrogatepass"))
replies = joined(REPLIES, 8) | joined(REPLIES, 2) | ANY
responses = joined(ATTACKS, 12) | ANY


def counted(kind: str, told: Told, text: str = "It opened in 1931.", note: Note | None = None) -> Verdict:
    """What a kind makes of the replies; of what is asked after the note is there, if one is given."""

    async def noted(prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        return note or await make()

    return done(KINDS[kind].judge(Candidate(PROMPT, text), [COUNTING[kind]], 0, replace(judge_context(told), once=noted)))


def rated(
    criteria: Sequence[Any], calls: str, told: Told, text: str = "It opened in 1931.", shown: str = "scale"
) -> Verdict:
    return done(scale.judge(Candidate(PROMPT, text), criteria, 0, judge_context(told, calls, shown)))


def verdicts(reply: str) -> Iterator[tuple[Verdict, Sequence[Any]]]:
    """What every kind makes of this reply, at each place where it may come, and the criteria that it was asked of."""
    for kind, criterion in COUNTING.items():
        yield counted(kind, Told(reply)), [criterion]
    yield counted("claims", Told('{"claims": ["a"]}', reply)), [COUNTING["claims"]]
    for kind, note in NOTED.items():
        yield counted(kind, Told(reply), note=note), [COUNTING[kind]]
    yield rated(SCALES[:1], "apart", Told(reply)), SCALES[:1]
    yield rated(SCALES, "together", Told(reply)), SCALES


def check_reply(reply: str) -> None:
    """Fails unless each kind makes of the reply a value in range or a failure kind for each criterion."""
    for verdict, criteria in verdicts(reply):
        assert [score.criterion for score in verdict.scores] == [criterion.key for criterion in criteria]
        for score, criterion in zip(verdict.scores, criteria, strict=True):
            low, high = criterion.range
            assert score.failure in TERMINAL if score.value is None else low <= score.value <= high
            assert (score.value is None) == (score.failure is not None)
            assert criterion.kind != "scale" or score.value is None or score.value.is_integer()
    comparison = done(compare(OTHER, OTHER, COMPARE, 0, judge_context(Told(reply)))).comparison
    assert comparison is not None
    assert (comparison.preferred in ("first", "second", "tie")) == (comparison.failure is None)
    try:
        mark = parse_scores(reply, {"x": (1, 5)}, apart=True)["x"]
    except ModelError:
        return
    assert float(reply[slice(*mark.span)]) == mark.value


@pytest.mark.fault("J3")
@settings(max_examples=1_000, deadline=None, database=None)
@given(replies)
def test_any_reply_whatsoever_gives_keyed_values_in_range_or_a_failure_kind(reply: str) -> None:
    check_reply(reply)


@pytest.mark.slow
@settings(max_examples=4_000, deadline=None, database=None)
@given(replies)
def test_thousands_of_replies_give_keyed_values_in_range_or_a_failure_kind(reply: str) -> None:
    check_reply(reply)


def between(shown: str, nonce: str) -> str:
    """The text between the two fence lines, of which there are no more, with the judge's instructions after them."""
    before, inside, after = shown.split(f"\n{nonce}\n")
    assert f" is everything between the two lines {nonce}." in before
    assert "\n# Your " in after
    return inside


def check_fences(text: str) -> None:
    """Fails if the text of a response leaves its fences, or is shown unsanitized, in the prompt of any kind."""
    subject = Candidate(PROMPT, clean(text))
    nonce, shown = fence(subject.answer), sanitize(subject.text)
    told = Told("no verdict")
    rated(SCALES[:1], "apart", told, subject.text)
    rated(SCALES, "together", told, subject.text)
    for kind, note in NOTED.items():
        counted(kind, told, subject.text, note)
    claim = " ".join(subject.text.split()) or "x"
    told.replies = [json.dumps({"claims": [claim]}), "no verdict"]
    counted("claims", told, subject.text)
    *asked, support = told.asked
    assert [between(prompt, nonce) for prompt in asked] == [shown] * 5
    assert between(support, fence(key("claim", subject.answer, claim))) == sanitize(claim)
    done(compare(subject, OTHER, COMPARE, 0, judge_context(told)))
    both = key("two", subject.answer, OTHER.answer)
    assert between(told.asked[-1], fence(key("first", both))) == shown
    rated(SCALES[:1], "apart", told, subject.text, "compact")
    _, _, rest = told.asked[-1].partition(f"\nAnswer {nonce}\n")
    assert rest.startswith(f"{shown}\nEnd {nonce}\nRate ")
    together = "\n".join(told.asked)
    assert not MARKS.search(together)
    assert not HIDDEN.search(together)


@pytest.mark.fault("J10")
@settings(max_examples=1_000, deadline=None, database=None)
@given(responses)
def test_any_response_stays_between_its_fences_in_every_prompt(text: str) -> None:
    check_fences(text)


@pytest.mark.slow
@settings(max_examples=4_000, deadline=None, database=None)
@given(responses)
def test_thousands_of_responses_stay_between_their_fences_in_every_prompt(text: str) -> None:
    check_fences(text)
