"""Reads a judge's log-probabilities at the tokens of its verdict: expected scores, and shares of the words of a choice."""

import math
import re
from collections.abc import Collection, Iterator, Sequence

from rlaif.judging.parsing import Mark, Span, Wrapping, spans_of, whole_object
from rlaif.models.base import Completion, Token

# What may surround a word of a verdict in its token.
_AROUND = ' \n\t"*[]().ĠĊ▁'
# Why a reply gave no expected value although log-probabilities were requested.
NO_TOKENS, OTHER_TOKENS = "no log-probabilities", "tokens that do not match the reply"


def token_fault(reply: Completion, at: int) -> str | None:
    """Return why the reply's tokens cannot be used for its character `at`; None if they can."""
    if not reply.tokens:
        return NO_TOKENS
    return None if token_at(reply.text, reply.tokens, (at, at + 1)) else OTHER_TOKENS


def expectation(tokens: Sequence[Token], mark: Mark, limits: tuple[int, int]) -> tuple[float, float] | None:
    """Return mean and standard deviation of the score over the judge's alternatives at the score token.

    Source: G-Eval, Liu et al. 2023, arXiv 2303.16634. Returns None if the tokens do not match the reply, if the number is
    not a single token, or if the alternatives cannot distinguish 1 from the start of 10.
    """
    if not tokens:
        return None
    found = token_at(mark.text, tokens, mark.span)
    if found is None or found[1].strip() != str(mark.value):
        return None
    low, high = limits
    masses: dict[int, float] = {}
    for text, logprob in found[0].top:
        if text.strip().isdecimal() and low <= int(text) <= high:
            masses[int(text)] = masses.get(int(text), 0.0) + math.exp(logprob)
    if mark.value not in masses or (high > 9 and not any(value > 9 for value in masses)):
        return None
    total = sum(masses.values())
    mean = sum(value * mass for value, mass in masses.items()) / total
    variance = sum(mass * (value - mean) ** 2 for value, mass in masses.items()) / total
    return mean, math.sqrt(variance)


def choice_probabilities(
    reply: str, tokens: Sequence[Token], name: str, words: Sequence[str], wrapping: Wrapping = "reasoning"
) -> dict[str, float] | None:
    """Return the probability share of each of `words` at the value of `name` in the judge's JSON object.

    The shares are taken at the token of the word's first letter, so no two words may start with the same letter. Returns
    None if the tokens do not match the reply or have no alternatives there.
    """
    if not tokens:
        return None
    value, at, end = whole_object(reply, wrapping)
    start = _word_start(reply, at, end, name)
    found = token_at(reply, tokens, (start, start + 1))
    if found is None or _meant(found[1], words) != value[name]:
        return None
    masses = dict.fromkeys(words, 0.0)
    for text, logprob in found[0].top:
        word = _meant(text, words)
        if word is not None:
            masses[word] += math.exp(logprob)
    total = sum(masses.values())
    return {word: mass / total for word, mass in masses.items()} if masses[value[name]] else None


def word_shares(reply: str, tokens: Sequence[Token], span: Span, words: Collection[str]) -> dict[str, float] | None:
    """Return the probability share of each of `words` at the token of the word in this part of a reply.

    Returns None if the tokens do not match the reply, or if the word is not a single token, apart from marks around it.
    """
    found = token_at(reply, tokens, span) if tokens else None
    if found is None or found[1].strip(_AROUND) != reply[slice(*span)]:
        return None
    masses = dict.fromkeys(words, 0.0)
    for text, logprob in found[0].top:
        if (word := text.strip(_AROUND)) in masses:
            masses[word] += math.exp(logprob)
    total = sum(masses.values())
    return {word: mass / total for word, mass in masses.items()} if masses[reply[slice(*span)]] else None


def word_start(reply: str, name: str, wrapping: Wrapping = "reasoning") -> int:
    """Return the position in the reply where the verdict's value of `name` starts."""
    _, at, end = whole_object(reply, wrapping)
    return _word_start(reply, at, end, name)


def _word_start(reply: str, at: int, end: int, name: str) -> int:
    return spans_of(reply, at, end)[(name,)][0] + 1


def _meant(token: str, words: Sequence[str]) -> str | None:
    """Return the word that a token starts or contains; None if there is none."""
    text = token.lstrip(' "')
    return next((word for word in words if text and (word.startswith(text) or text.startswith(word + '"'))), None)


# Tokens after the text that end the turn.
_END_TOKEN = re.compile(rb"\s*|<[^<>\s]{1,40}>|\[[A-Za-z_/]{1,40}\]")
_MOST_END_TOKENS = 3
# How servers write bytes that are not a character (`bytes:\xf0\x9f`, `\xf0\x9f`, `<0xF0>`), spaces and line breaks.
_ESCAPED_BYTE = re.compile(rb"\\x([0-9a-fA-F]{2})|<0x([0-9a-fA-F]{2})>")
# The space after the prefix may be one of the bytes or not.
_ESCAPED_PREFIXES = (re.compile(rb"\A\s*bytes:(?=.*\\x)", re.DOTALL), re.compile(rb"\A\s*bytes:\s(?=.*\\x)", re.DOTALL))
_BLANKS = {"Ġ".encode(): b" ", "▁".encode(): b" ", "Ċ".encode(): b"\n"}


def token_at(reply: str, tokens: Sequence[Token], span: Span) -> tuple[Token, str] | None:
    """Return the token that contains a part of the reply, and its text; None if no single token does.

    Tokens are matched from the reply's end back to the part, byte by byte, and must equal the reply all the way. They are
    matched backwards because tokens of the model's reasoning may precede the reply, and because servers that send no bytes
    lose parts of characters.
    """
    whole = reply.rstrip()
    data = whole.encode("utf-8", "surrogatepass")
    start, end = (len(whole[:place].encode("utf-8", "surrogatepass")) for place in span)
    for pieces in _spellings(tokens):
        for left in range(len(pieces), len(pieces) - 1 - min(_MOST_END_TOKENS, len(pieces)), -1):
            if left < len(pieces) and not _END_TOKEN.fullmatch(pieces[left]):
                break
            found = _counted_back(pieces[:left], data, start)
            if found:
                index, at = found
                inside = end <= at + len(pieces[index])
                return (tokens[index], pieces[index].decode("utf-8", "replace")) if inside else None
    return None


def _spellings(tokens: Sequence[Token]) -> Iterator[list[bytes]]:
    """Yield the tokens' bytes as sent by the server, then from their texts, then from their texts with bytes unescaped."""
    texts = [token.text.encode("utf-8", "surrogatepass") for token in tokens]
    if any(token.data is not None for token in tokens):
        yield [text if token.data is None else token.data for token, text in zip(tokens, texts, strict=True)]
    yield texts
    for prefix in _ESCAPED_PREFIXES:
        yield [_unescaped(text, prefix) for text in texts]


def _unescaped(text: bytes, prefix: re.Pattern[bytes]) -> bytes:
    text = prefix.sub(b"", text)
    for spelled, meant in _BLANKS.items():
        text = text.replace(spelled, meant)
    return _ESCAPED_BYTE.sub(lambda found: bytes.fromhex((found[1] or found[2]).decode()), text)


def _counted_back(pieces: Sequence[bytes], data: bytes, start: int) -> tuple[int, int] | None:
    """Return the index and start of the piece that contains byte `start` of the data; None if a later piece differs."""
    end = len(data)
    for index in range(len(pieces) - 1, -1, -1):
        # Servers strip white space from the end of a reply.
        piece = pieces[index].rstrip() if end == len(data) else pieces[index]
        begin = end - len(piece)
        if begin < 0 or data[begin:end] != piece:
            return None
        if begin <= start < end:
            return index, begin
        end = begin
    return None
