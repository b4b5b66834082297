import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.core.errors import ModelError
from rlaif.judging.logprobs import expectation
from rlaif.judging.parsing import parse_scores
from rlaif.models.base import Token

ONE = {"faithfulness": (1, 5)}
TWO = {"faithfulness": (1, 5), "completeness": (0, 10)}

GOOD = [
    ('{"rationale":"fine","score":4}', 4),
    ('{"score": 5}', 5),
    ('{"score": 4.0, "rationale": "a whole number, written long"}', 4),
    ('```json\n{"rationale": "x", "score": 2}\n```', 2),
    ('<think>{"score": 5}? no.</think>{"rationale": "x", "score": 1}', 1),
    ('{"rationale": "it says \\"score\\": 5 itself", "score": 1}', 1),
    ('```\n{"score": 2}```', 2),
    ('\n\t {"score": 2}\n\n', 2),
    ('{"rationale": "it ends with </think>", "score": 1}', 1),
    ('{"score": 5}? No.</think>{"score": 1}', 1),
    ('{it} says five.</think>{"score": 1}', 1),
    ('{"rationale": "it begins with <think>", "score": 1}', 1),
    ('<think>a</think>{"rationale": "the text says </think> {\\"score\\": 5}", "score": 1}', 1),
    ('<think>it says </think>{"score": 5} so one.</think>{"rationale": "x", "score": 1}', 1),
]

BAD = [
    "",
    "no object at all",
    "4",
    "[4]",
    "{",
    '{"score": 4',
    '{"score": 4}{"score": 5}',
    '{"score": 4} or {"score": 5}',
    '{"score": 4, "score": 5}',
    '{"score": 6}',
    '{"score": 0}',
    '{"score": -1}',
    '{"score": 3.5}',
    '{"score": true}',
    '{"score": "4"}',
    '{"score": "4/5"}',
    '{"score": null}',
    '{"score": NaN}',
    '{"score": Infinity}',
    '{"score": 1e400}',
    '{"score": [4]}',
    '{"score": {"score": 4}}',
    '{"Score": 4}',
    '{"rating": 4}',
    '{"score": 4, "extra": 1}',
    '{"rationale": 3, "score": 4}',
    "{'score': 4}",
    '{"score": 4,}',
    '{"score": 04}',
    '{"faithfulness": {"score": 4}}',
    'Here it is: {"rationale": "x", "score": 2}',
    '{"score": 5} is what it says',
    '[{"score": 5}]',
    '```json\n[{"score": 5}]\n```',
    'It says ```json\n{"score": 5}\n```',
    '```json\n{"score": 5}\n``` is what it says',
    '```\n```json\n{"score": 5}\n```\n```',
    '`{"score": 5}`',
    '```{"score": 5}',
    '{"score": 5}```',
    '"{\\"score\\": 5}"',
    '{"score": 5}\n\nNo, I would say one.',
    '<think>{"score": 5}',
    '<think>it says </think>{"score": 5} and',
    '<think>a</think><think>{"score": 5}',
    '{"score": 5}</think>',
    'The response is <think>x</think>{"score": 5}',
    "<think>a</think>",
    '{"score": 5}<think>no',
    '{"score": 5} {"score": 5}',
    '{"rationale": "it says </think>{"score": 5}',
    '{"score": NaN, "rationale": "</think>{"score": 5}',
    '<think>a</think>{"rationale": "it says </think>{"score": 5}',
    '```json\n{"rationale": "it says </think>{"score": 5}',
    '<think>it says [/THINK]{"score": 5}',
    '[THINK]it says </think>{"score": 5}',
    "</think></think>",
    '{"a":' * 2000,
    '{"score": ' + "9" * 5000 + "}",
]


@pytest.mark.fault("J1", "J6")
@pytest.mark.parametrize(("reply", "value"), GOOD)
def test_a_verdict_is_read(reply: str, value: int) -> None:
    assert parse_scores(reply, ONE, apart=True)["faithfulness"].value == value


@pytest.mark.fault("J1", "J3", "J4")
@pytest.mark.parametrize("reply", BAD)
def test_an_invalid_verdict_is_a_failure_and_never_a_number(reply: str) -> None:
    with pytest.raises(ModelError) as caught:
        parse_scores(reply, ONE, apart=True)
    assert caught.value.kind == "malformed"
    assert caught.value.raw == reply


@pytest.mark.fault("J5")
@pytest.mark.parametrize(
    "reply",
    [
        '{"faithfulness": {"score": 4}}',
        '{"faithfulness": {"score": 4}, "completeness": {"score": 11}}',
        '{"faithfulness": {"score": 4}, "completeness": {"score": 4}, "style": {"score": 4}}',
        '{"faithfulness": {"score": 4}, "Completeness": {"score": 4}}',
        '{"faithfulness": 4, "completeness": 5}',
        '{"score": 4}',
    ],
)
def test_criteria_judged_together_are_all_there_by_name_or_none_counts(reply: str) -> None:
    with pytest.raises(ModelError):
        parse_scores(reply, TWO, apart=False)


@pytest.mark.fault("J5")
def test_scores_are_matched_by_name_and_not_by_place() -> None:
    reply = '{"completeness": {"rationale": "c", "score": 9}, "faithfulness": {"rationale": "f", "score": 2}}'
    marks = parse_scores(reply, TWO, apart=False)
    assert (marks["faithfulness"].value, marks["completeness"].value) == (2, 9)


@settings(deadline=None)
@given(st.integers(1, 5), st.text(), st.booleans())
def test_a_valid_verdict_is_read_exactly(score: int, why: str, ascii_only: bool) -> None:
    reply = json.dumps({"rationale": why, "score": score}, ensure_ascii=ascii_only)
    if any("\ud800" <= char <= "\udfff" for char in why):
        return
    mark = parse_scores(reply, ONE, apart=True)["faithfulness"]
    assert (mark.value, mark.rationale) == (score, why)


def tokens_of(reply: str, at: str, top: dict[str, float]) -> list[Token]:
    before, _, after = reply.rpartition(at)
    likeliest = tuple((text, math.log(p)) for text, p in top.items())
    return [Token(before, 0.0), Token(at, math.log(top[at]), likeliest), Token(after, 0.0)]


def test_the_expected_value_is_the_mean_over_the_score_tokens_alternatives() -> None:
    reply = '{"rationale":"2 of 4","score":4}'
    mark = parse_scores(reply, ONE, apart=True)["faithfulness"]
    mean, spread = expectation(tokens_of(reply, "4", {"4": 0.6, "5": 0.2, "x": 0.2}), mark, (1, 5)) or (0, 0)
    assert mean == pytest.approx((0.6 * 4 + 0.2 * 5) / 0.8)
    assert spread == pytest.approx(math.sqrt((0.6 * (4 - mean) ** 2 + 0.2 * (5 - mean) ** 2) / 0.8))


@pytest.mark.fault("J6")
def test_a_digit_of_the_rationale_is_not_taken_for_the_score() -> None:
    reply = '{"score":4,"rationale":"not 2"}'
    mark = parse_scores(reply, ONE, apart=True)["faithfulness"]
    assert expectation(tokens_of(reply, "2", {"2": 1.0}), mark, (1, 5)) is None


def test_a_number_of_several_tokens_has_no_expected_value() -> None:
    reply = '{"score":10}'
    mark = parse_scores(reply, {"x": (0, 10)}, apart=True)["x"]
    tokens = [Token('{"score":', 0.0), Token("1", 0.0, (("1", 0.0),)), Token("0", 0.0, (("0", 0.0),)), Token("}", 0.0)]
    assert expectation(tokens, mark, (0, 10)) is None


def test_alternatives_that_cannot_tell_one_from_ten_give_no_expected_value() -> None:
    reply = '{"score":7}'
    mark = parse_scores(reply, {"x": (1, 10)}, apart=True)["x"]
    assert expectation(tokens_of(reply, "7", {"7": 0.7, "1": 0.3}), mark, (1, 10)) is None
    assert expectation(tokens_of(reply, "7", {"7": 0.7, "10": 0.3}), mark, (1, 10)) is not None
