"""Finds the sentences of a response that the checked items (claims, key points) are about."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rlaif.judging.criteria.claims import SUPPORT
from rlaif.judging.criteria.keypoints import COVERED
from rlaif.report.explain.types import Found

# Judges write items in words of their choice: a sentence is about an item if it has at least this share of the item's words.
SHARED: Final = 0.6
EARNED: Final[Mapping[str, float]] = {**SUPPORT, **COVERED}
_SENTENCE = re.compile(r"\s*\S.*?(?:[.!?。！？](?=\s|$)|\n|$)|\s+", re.DOTALL)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Marked:
    """A part of a text. `numbers` are those of the items that it is about, from 1; `tone` is good, bad or empty."""

    text: str
    numbers: Sequence[int]
    tone: str


def mark_items(text: str, items: Sequence[Found]) -> list[Marked]:
    """Return the text in parts, each with the items that it is about. Items that no sentence is about are left out."""
    sentences = _SENTENCE.findall(text)
    words = [_words(sentence) for sentence in sentences]
    about: dict[int, list[int]] = {}
    for number, item in enumerate(items, 1):
        place = _place(_words(item.text), words)
        if place is not None:
            about.setdefault(place, []).append(number)
    return [
        Marked(sentence, about.get(place, []), _tone([items[number - 1] for number in about.get(place, [])]))
        for place, sentence in enumerate(sentences)
    ]


def _place(item: frozenset[str], sentences: Sequence[frozenset[str]]) -> int | None:
    """Return the first of the sentences that share most words with the item; None if all share too few."""
    shares = [len(item & sentence) / len(item) if item else 0.0 for sentence in sentences]
    best = max(shares, default=0.0)
    return shares.index(best) if best >= SHARED else None


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _tone(items: Sequence[Found]) -> str:
    """Return how the worst of the items was judged."""
    earned = [EARNED.get(item.outcome) for item in items]
    known = [value for value in earned if value is not None]
    return "" if not known else "good" if min(known) == 1 else "bad"
