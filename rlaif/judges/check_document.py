"""Checks of a response that is the document in another form: cut into chunks, cleaned, converted."""

import re
from collections import Counter

from rlaif.errors import ModelError
from rlaif.judges.check_answer import told_by
from rlaif.judges.check_text import size
from rlaif.records import Prompt

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_WORD = re.compile(r"\w+")


def headings(prompt: Prompt, response: str) -> float:
    """The share of the document's Markdown headings that the response has as headings, in the document's order."""
    wanted, found = _headings(told_by(prompt, "document")), _headings(response)
    if not wanted:
        raise ModelError("inapplicable", "the document has no headings")
    return _longest_common(wanted, found) / len(wanted)


def kept(prompt: Prompt, response: str) -> float:
    """The share of the document's words, each as often as it occurs, that the response has: 1 if no text was lost."""
    wanted, found = (_words(text) for text in (told_by(prompt, "document"), response))
    if not wanted:
        raise ModelError("inapplicable", "the document has no words")
    return (wanted & found).total() / wanted.total()


def chunks(
    prompt: Prompt, response: str, *, separator: str, unit: str = "words", least: int = 1, most: int | None = None,
    tokenizer: str | None = None,
) -> float:  # fmt: skip
    """The share of the response's chunks, which the separator parts, whose length keeps to its limits.

    Nothing but spaces between two separators is a chunk of length 0; no chunk at all is a share of 0.
    """
    parts = [part.strip() for part in response.strip().removesuffix(separator.strip()).split(separator)]
    sizes = [size(part, unit, tokenizer) for part in parts]
    return sum(least <= each and (most is None or each <= most) for each in sizes) / len(sizes) if response.strip() else 0.0


def _headings(text: str) -> list[str]:
    return [" ".join(heading.casefold().split()) for heading in _HEADING.findall(text)]


def _words(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in _WORD.findall(text))


def _longest_common(first: list[str], second: list[str]) -> int:
    """The length of the longest sequence that both have in order, not necessarily in a row."""
    best = [0] * (len(second) + 1)
    for one in first:
        before = best[:]
        for place, other in enumerate(second, 1):
            best[place] = before[place - 1] + 1 if one == other else max(before[place], best[place - 1])
    return best[-1]
