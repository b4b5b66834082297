"""The token of a judge's score is found by bytes, whatever a server makes of split characters, or it is not used at all."""

import json
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.judging.logprobs import NO_TOKENS, OTHER_TOKENS, choice_probabilities, expectation, token_fault
from rlaif.judging.parsing import parse_scores
from rlaif.models.base import Token
from rlaif.models.openai.response import read_reply
from tests.support.servers import choice

LIMITS = {"x": (1, 5)}
Spelling = Callable[[bytes], tuple[str, list[int] | None]]


def text_of(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def escaped(piece: bytes) -> str:
    return "".join(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in piece)


# How servers send a token that is not whole characters: as text, and its bytes or None.
SPELLINGS: dict[str, Spelling] = {
    "escaped, with bytes": lambda piece: (f"bytes:{escaped(piece)}", list(piece)),
    "U+FFFD, with bytes": lambda piece: (piece.decode("utf-8", "replace"), list(piece)),
    "nothing, with bytes": lambda piece: ("", list(piece)),
    "escaped": lambda piece: (escaped(piece), None),
    "escaped, with a prefix": lambda piece: (f"bytes:{escaped(piece)}", None),
    "byte tokens": lambda piece: ("".join(f"<0x{byte:02X}>" for byte in piece), None),
    "U+FFFD": lambda piece: (piece.decode("utf-8", "replace"), None),
    "nothing": lambda piece: ("", None),
}
# With these, no byte is lost.
EXACT = [name for name in SPELLINGS if name not in ("U+FFFD", "nothing")]


def tokens_of(pieces: Sequence[bytes], spelling: Spelling, top: dict[int, dict[str, float]]) -> tuple[Token, ...]:
    """The pieces as a server sends them, with alternatives (by probability) for some, read as rlaif reads them."""
    entries: list[dict[str, Any]] = []
    for place, piece in enumerate(pieces):
        whole = text_of(piece)
        text, data = (whole, list(piece)) if whole is not None else spelling(piece)
        if spelling(b"\xf0")[1] is None:
            data = None
        listed = [{"token": word, "logprob": math.log(share)} for word, share in top.get(place, {}).items()]
        entries.append({"token": text, "logprob": -0.1, "bytes": data, "top_logprobs": listed})
    reply = {"choices": [{**choice("x"), "logprobs": {"content": entries}}]}
    return read_reply(orjson.dumps(reply), 1).found[0].tokens


TOLD = {"4": 0.6, "5": 0.35, "1": 0.05}
MEAN = 0.6 * 4 + 0.35 * 5 + 0.05


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_split_emoji_before_the_score_moves_nothing(spelling: Spelling) -> None:
    reply = '{"rationale": "Nice 👍 and clear: 4/5", "score": 4}'
    before, after = reply.split("👍")
    rest = [b" and clear: ", b"4", b"/5", b'", "', b"score", b'":', b" ", b"4", b"}"]
    assert b"".join(rest).decode() == after
    pieces = [before.encode(), "👍".encode()[:3], "👍".encode()[3:], *rest]
    top = {4: {"4": 0.5, "1": 0.5}, 10: TOLD}
    mark = parse_scores(reply, LIMITS, apart=True)["x"]
    found = expectation(tokens_of(pieces, spelling, top), mark, (1, 5))
    assert found is not None
    assert found[0] == pytest.approx(MEAN)


@settings(max_examples=400, deadline=None)
@given(
    why=st.text(max_size=24) | st.text("👍é字\\x4f0bytes:<>Ġ▁4 ", max_size=24),
    cuts=st.lists(st.integers(0, 200), max_size=30),
    spelling=st.sampled_from(list(SPELLINGS)),
    first=st.booleans(),
    ascii_only=st.booleans(),
    thoughts=st.lists(st.sampled_from([b"hm ", b'{"score": 4}', b"4", b"</think>", "é".encode()[:1]]), max_size=4),
    ends=st.lists(st.sampled_from([b"\n", b"", b"<|im_end|>", b"</s>"]), max_size=2),
    stripped=st.booleans(),
)
def test_the_token_found_is_that_of_the_score_or_none(
    why: str,
    cuts: list[int],
    spelling: str,
    first: bool,
    ascii_only: bool,
    thoughts: list[bytes],
    ends: list[bytes],
    stripped: bool,
) -> None:
    if any("\ud800" <= char <= "\udfff" for char in why):
        return
    parts: dict[str, Any] = {"score": 4, "rationale": why} if first else {"rationale": why, "score": 4}
    reply = json.dumps(parts, ensure_ascii=ascii_only) + ("" if stripped else "\n")
    mark = parse_scores(reply, LIMITS, apart=True)["x"]
    data = reply.encode() + (b"\n" if stripped else b"")
    place = len(reply[: mark.span[0]].encode())
    # The reference knows the place: the score is always one token, everything else is cut anywhere.
    bounds = sorted({0, place, place + 1, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[begin:end] for begin, end in pairwise(bounds)]
    at = len(thoughts) + bounds.index(place)
    told = {index: {"1": 1.0} for index in range(len(thoughts) + len(pieces))} | {at: TOLD}
    tokens = tokens_of([*thoughts, *pieces, *ends], SPELLINGS[spelling], told)
    found = expectation(tokens, mark, (1, 5))
    assert found is None or found[0] == pytest.approx(MEAN)
    whole = all(text_of(piece) is not None for piece in pieces[bounds.index(place) :])
    # Where text looks like an escape, a server that sends no bytes cannot be read without doubt.
    plain = "\\" not in reply and "<" not in reply and "bytes:" not in reply and not {"Ġ", "▁"} & set(reply)
    if spelling in EXACT[:3] or (plain and (spelling in EXACT or whole)):
        assert found is not None


def test_tokens_of_another_text_are_not_used() -> None:
    reply = '{"rationale": "x", "score": 4}'
    mark = parse_scores(reply, LIMITS, apart=True)["x"]
    for pieces in (
        [b'{"rationale": "x", "score": ', b"4", b"} or"],
        [b"4"],
        [b'{"score": ', b"4", b', "rationale": "x"}'],
        [b'{"rationale": "x", "score": ', b"4", b"}", b"}"],
        [b'{"rationale": "x", "score": ', b"4}"],
        [b'{"rationale": "x", "score":', b" 4, ", b"}"],
    ):
        top = dict.fromkeys(range(len(pieces)), TOLD)
        assert expectation(tokens_of(pieces, SPELLINGS["nothing"], top), mark, (1, 5)) is None


def test_invalid_token_bytes_are_ignored() -> None:
    for data in ([256], [-1], ["a"], [True], "4", {"0": 1}, [1.5]):
        entry = {"token": "4", "logprob": -0.1, "bytes": data}
        reply = {"choices": [{**choice("x"), "logprobs": {"content": [entry]}}]}
        assert read_reply(orjson.dumps(reply), 1).found[0].tokens[0].data is None


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_the_share_of_a_word_is_taken_at_the_word_and_not_beside_it(spelling: Spelling) -> None:
    reply = '{"rationale": "the first 👍 is", "better": "second"}'
    pieces = [
        b'{"rationale": "the ',
        b"first",
        b" ",
        "👍".encode()[:2],
        "👍".encode()[2:],
        b' is", "better": "',
        b"second",
        b'"}',
    ]
    assert b"".join(pieces).decode() == reply
    tokens = tokens_of(pieces, spelling, {1: {"first": 1.0}, 6: {"second": 0.75, "first": 0.25}})
    assert choice_probabilities(reply, tokens, "better", ("first", "second")) == pytest.approx(
        {"second": 0.75, "first": 0.25}
    )


def test_a_reply_whose_tokens_cannot_be_used_has_a_reason() -> None:
    reply = read_reply(orjson.dumps({"choices": [choice('{"score": 4}')]}), 1).found[0]
    assert token_fault(reply, 10) == NO_TOKENS
    entries = [{"token": text, "logprob": -0.1} for text in ("so", "4")]
    other = {"choices": [{**choice('{"score": 4}'), "logprobs": {"content": entries}}]}
    assert token_fault(read_reply(orjson.dumps(other), 1).found[0], 10) == OTHER_TOKENS
