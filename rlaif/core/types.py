"""The nouns: plain frozen records, and the content keys that identify them.

A key is a digest of content, never a row number or a time, so the same thing has the same key in every run: that is
what makes resume, caching and incremental work one anti-join.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypedDict

import orjson


class Message(TypedDict):
    """One chat turn."""

    role: str
    content: str


def clean(text: str) -> str:
    """`text` as UTF-8 can hold it: lone surrogates, which DuckDB and most tokenizers refuse, become U+FFFD."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def key(*parts: Any) -> str:
    """A 128-bit content key, hex, of JSON-like parts. Dictionary order does not matter; list order does."""
    return hashlib.blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def fraction(*parts: Any) -> float:
    """A number in [0, 1) that depends on the parts alone: a seeded coin that no order of work can change."""
    return int(key(*parts)[:13], 16) / 16**13


# The weights of a checklist's items, of which each stands as "weight: text" (Rubrics as Rewards, Gunjal et al. 2025).
CHECKLIST = {"essential": 1.0, "important": 0.7, "optional": 0.3, "pitfall": 0.9}


@dataclass(frozen=True)
class Prompt:
    """What is asked. The messages go to the generator; a `document` is to be kept to.

    A `reference` is for the judge, and so is a `checklist` of items such as "essential: It names the year."
    """

    messages: tuple[Message, ...]
    document: str | None = None
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    checklist: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        # Prompts had no checklists at first, and those without one keep their keys.
        checklist = [list(self.checklist)] if self.checklist else []
        return key("prompt", list(self.messages), self.document, self.reference, *checklist)

    @cached_property
    def normal_key(self) -> str:
        """The same for prompts that differ only in case, spacing and how they end; "2+2" and "2-2" stay apart."""
        return key("normal", [_plain(m["content"]) for m in self.messages], _plain(self.document or ""))

    @property
    def request(self) -> str:
        """The last user turn: what the response answers."""
        return next((m["content"] for m in reversed(self.messages) if m["role"] == "user"), "")


def stored(row: Mapping[str, Any]) -> Prompt:
    """The prompt of a row of the store that has its messages, document, reference and checklist."""
    return _read(row["messages"], row["document"], row["reference"], row["checklist"])


# The answers to a prompt come one after the other, and its key is a digest of the whole document.
@lru_cache(maxsize=16)
def _read(messages: str, document: str | None, reference: str | None, checklist: str | None) -> Prompt:
    items = tuple(orjson.loads(checklist or "[]"))
    return Prompt(tuple(orjson.loads(messages)), document, reference, checklist=items)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .!?")


def answer_key(prompt: str, text: str) -> str:
    """The key of a text as an answer to a prompt: what a judge sees, so equal samples share one judgement."""
    return key("answer", prompt, text)


@dataclass(frozen=True, slots=True)
class Score:
    """One criterion's outcome for one answer: a value in the criterion's range, or a failure kind and no value.

    `expected` and `spread` are mean and standard deviation over the judge's score tokens, where it gave log-probabilities.
    """

    criterion: str
    value: float | None = None
    expected: float | None = None
    spread: float | None = None
    rationale: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a judge looked at on its way to a score: a claim, a key point, an item; and what it found.

    The response `earned` a share of what it is worth, from 0 to 1; None where there was nothing to look at.
    """

    criterion: str
    text: str
    outcome: str
    earned: float | None = None
    rationale: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which of two answers is better, in the order shown: "first", "second" or "tie"; or a failure kind and none of these.

    `probability` is that of "first", a tie being half, over the judge's own tokens, where it gave log-probabilities.
    """

    preferred: str | None = None
    probability: float | None = None
    rationale: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said, in its own words, over one call or several, and the scores or the comparison read from it."""

    scores: Sequence[Score] = ()
    raw: str = ""
    failure: str | None = None
    detail: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    findings: Sequence[Finding] = ()
    calls: int = 1
    comparison: Comparison | None = None

    @property
    def said(self) -> dict[str, Any]:
        """The judge's words, what came of them and what they cost, as they are kept."""
        return {"raw": self.raw, "failure": self.failure, "detail": self.detail, "calls": self.calls,
                "prompt_tokens": self.prompt_tokens, "output_tokens": self.output_tokens}  # fmt: skip
