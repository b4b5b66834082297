"""The scripted model, which derives its replies from digests: the same request and seed give the same reply."""

import asyncio
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rlaif.config import ScriptedModel
from rlaif.core.types import fraction, key
from rlaif.models.base import AlwaysOpen, ChatRequest, Completion, Token
from rlaif.models.fake.schema_sampler import chosen, instance, words

# Replies are immediate; more requests in flight would only cost memory.
CONCURRENCY: Final = 64
SHORTEST, LONGEST = 5, 40


class Scripted(AlwaysOpen):
    """A model whose words all depend on the digest of (salt, messages, seed)."""

    concurrency = CONCURRENCY

    def __init__(self, config: ScriptedModel, *, where: str = "") -> None:
        self._config = config

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return one completion per seed: prose, JSON that satisfies the schema, or one of the `replies`. Never fails."""
        if self._config.delay:
            await asyncio.sleep(self._config.delay)
        return [self._answer(request, index) for index in range(request.n)]

    def _answer(self, request: ChatRequest, index: int) -> Completion:
        digest = key("scripted", self._config.salt, list(request.messages), str(request.seeds[index]))
        formatted = request.schema is not None or request.replies
        if not formatted or fraction(digest, "malformed") < self._config.malformed:
            text = words(digest, SHORTEST, LONGEST)
        elif request.schema is None:
            reply = chosen(request.replies, fraction(digest, "reply"), self._config.first_choice)
            text = reply.replace("{text}", words(digest, SHORTEST, LONGEST))
        else:
            text = json.dumps(
                instance(request.schema, digest, self._config.first_choice), ensure_ascii=False, separators=(",", ":")
            )
        pieces = re.findall(r"\s*(?:\w+|[^\w\s]+)", text.rstrip())
        finish = "stop" if len(pieces) <= request.sampling.max_tokens else "length"
        pieces = pieces[: request.sampling.max_tokens]
        prompt_tokens = sum(len(message["content"].split()) for message in request.messages)
        return Completion(
            text="".join(pieces),
            finish=finish,
            prompt_tokens=prompt_tokens if index == 0 else 0,
            output_tokens=len(pieces),
            tokens=_tokens(pieces, digest, request),
        )


def _tokens(pieces: list[str], digest: str, request: ChatRequest) -> tuple[Token, ...]:
    """Return the pieces with log-probabilities; each piece is the likeliest at its position.

    The alternatives of a number are adjacent numbers, those of a word are the other words of its enumeration.
    """
    top = request.top_logprobs
    if top is None:
        return ()
    choices = _choices(request.schema) | _differing_words(request.replies)
    return tuple(_token(piece, fraction(digest, "token", place), top, choices) for place, piece in enumerate(pieces))


def _choices(schema: Any) -> dict[str, list[str]]:
    """Map each word of an enumeration in the schema to the other words."""
    found: dict[str, list[str]] = {}
    if isinstance(schema, Mapping):
        words = schema.get("enum", ())
        found = {word: [other for other in words if other != word] for word in words}
        for part in schema.values():
            found |= _choices(part)
    return found


def _differing_words(replies: Sequence[str]) -> dict[str, list[str]]:
    """Map each word in which the replies differ, with the space before it, to the words of the others."""
    columns = [dict.fromkeys(column) for column in zip(*(re.findall(r" ?\w+", reply) for reply in replies), strict=False)]
    return {word: [other for other in column if other != word] for column in columns if len(column) > 1 for word in column}


def _token(piece: str, coin: float, top: int, choices: Mapping[str, list[str]]) -> Token:
    share = 0.5 + 0.45 * coin
    rivals = choices.get(piece, _rivals(piece))[: max(top - 1, 0)]
    alternatives: list[tuple[str, float]] = [(piece, math.log(share))] if top else []
    # Each alternative has half of the remaining probability, so they decrease and never sum to one.
    left = 1 - share
    for rival in rivals:
        left /= 2
        alternatives.append((rival, math.log(left)))
    return Token(piece, math.log(share), tuple(alternatives))


def _rivals(piece: str) -> list[str]:
    word = piece.lstrip()
    space = piece[: len(piece) - len(word)]
    if not word.isdecimal():
        return [f"{piece}s", piece.upper() + "-"]
    number = int(word)
    near: list[Any] = [number - 1, number + 1, number - 2, number + 2]
    return [f"{space}{each}" for each in near if each >= 0]
