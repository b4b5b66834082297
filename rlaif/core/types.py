"""The record types as plain dataclasses, and the content keys that identify them.

A key is a digest of content, never a row number or a time, so the same item has the same key in every run. Resume, caching
and incremental work are therefore a single anti-join.

Records made for each request, here and in other modules, are not frozen: a frozen one takes five times as long to create.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NotRequired, TypedDict

import orjson


class Message(TypedDict):
    """One chat turn. The keys of tools are absent if a turn does not use them, so that other prompts keep their keys.

    `tools`, the schemas of the tools that the model may call, is a key of a prompt's first turn.
    """

    role: str
    content: str
    tool_calls: NotRequired[list[Any]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    tools: NotRequired[list[Any]]


def clean(text: str) -> str:
    """Return the text with lone surrogates, which DuckDB and most tokenizers refuse, replaced by U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def key(*parts: Any) -> str:
    """Return a 128-bit content key in hex of JSON-like parts. Dictionary order does not matter; list order does."""
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def fraction(*parts: Any) -> float:
    """Return a number in [0, 1) that depends on the parts alone: a seeded random number, whatever the order of work."""
    return int(key(*parts)[:13], 16) / 16**13


# Prompts are split by a digest into this many buckets, so that the held-out share is exact to a hundredth of a percent.
BUCKETS = 10_000


def buckets(share: float) -> int:
    """Return the number of buckets that hold this share of the prompts; those below this number are held out."""
    return round(share * BUCKETS)


# The weights of checklist items, which are written as "weight: text" (Rubrics as Rewards, Gunjal et al. 2025).
CHECKLIST = {"essential": 1.0, "important": 0.7, "optional": 0.3, "pitfall": 0.9}


@dataclass(frozen=True)
class Prompt:
    """A prompt: the messages for the generator, and optionally a `document` that responses must be grounded in.

    Only judges see the `reference` and the `checklist` of items such as "essential: It names the year." `metadata` holds the
    columns that `collect` keeps with the prompt; it is not part of the key.
    """

    messages: tuple[Message, ...]
    document: str | None = None
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    checklist: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        # Older versions had no checklists; prompts without one keep their keys.
        checklist = [list(self.checklist)] if self.checklist else []
        return key("prompt", list(self.messages), self.document, self.reference, *checklist)

    @cached_property
    def normal_key(self) -> str:
        """Return a key that is the same for prompts that differ only in case, spacing and final punctuation.

        Other punctuation counts: "2+2" and "2-2" have different keys.
        """
        return key("normal", [_plain(m["content"]) for m in self.messages], _plain(self.document or ""))

    @property
    def request(self) -> str:
        """Return the last user turn, which the response answers."""
        return next((m["content"] for m in reversed(self.messages) if m["role"] == "user"), "")


def stored(row: Mapping[str, Any]) -> Prompt:
    """Return the prompt in a row of the store that has messages, document, reference, checklist and, if needed, metadata."""
    return _read(row["messages"], row["document"], row["reference"], row["checklist"], row.get("metadata"))


# Responses to one prompt are read one after the other, and computing its key digests the whole document.
@lru_cache(maxsize=16)
def _read(messages: str, document: str | None, reference: str | None, checklist: str | None, metadata: str | None) -> Prompt:
    items = tuple(orjson.loads(checklist or "[]"))
    return Prompt(tuple(orjson.loads(messages)), document, reference, orjson.loads(metadata or "{}"), items)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .!?")


def answer_key(prompt: str, text: str) -> str:
    """Return the key of a text as an answer to a prompt. It covers what a judge sees, so equal samples share a judgement."""
    return key("answer", prompt, text)


@dataclass(slots=True)
class Score:
    """The outcome of one criterion for one answer: a value in the criterion's range, or a failure kind and no value.

    `expected` and `spread` are the mean and standard deviation over the judge's score tokens, if it gave log-probabilities.
    """

    criterion: str
    value: float | None = None
    expected: float | None = None
    spread: float | None = None
    rationale: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """An intermediate result of a judge: a claim, a key point or a checklist item that it examined, and the outcome.

    `earned` is the share of the item's worth that the response earned, from 0 to 1; None if the item does not apply.
    """

    criterion: str
    text: str
    outcome: str
    earned: float | None = None
    rationale: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which of two answers is better, in the order shown: "first", "second" or "tie"; or a failure kind and no preference.

    `probability` is the probability of "first", with a tie counting half, from the judge's tokens if it gave
    log-probabilities.
    """

    preferred: str | None = None
    probability: float | None = None
    rationale: str | None = None
    failure: str | None = None


@dataclass(slots=True)
class Verdict:
    """A judge's raw reply, over one call or several, and the scores or the comparison parsed from it.

    `reasoning` is what the server returned apart from the reply.
    """

    scores: Sequence[Score] = ()
    raw: str = ""
    failure: str | None = None
    detail: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    reasoning: str | None = None
    findings: Sequence[Finding] = ()
    calls: int = 1
    comparison: Comparison | None = None

    @property
    def stored_fields(self) -> dict[str, Any]:
        """Return the reply, its failure and its cost as they are stored."""
        return {
            "raw": self.raw,
            "reasoning": self.reasoning,
            "failure": self.failure,
            "detail": self.detail,
            "calls": self.calls,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
        }
