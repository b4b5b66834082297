"""Checks of a response that is the document in another form: cut into chunks, cleaned, converted."""

from collections import Counter

from rlaif.core.errors import ModelError
from rlaif.core.types import Prompt
from rlaif.core.words import find_words
from rlaif.judging.checks.answer import require_field
from rlaif.judging.checks.text import size


def headings(prompt: Prompt, response: str) -> float:
    """The share of the document's Markdown headings that are headings of the response too, in the document's order."""
    wanted, found = _headings(require_field(prompt, "document")), _headings(response)
    if not wanted:
        raise ModelError("inapplicable", "the document has no headings")
    return _longest_common(wanted, found) / len(wanted)


def kept(prompt: Prompt, response: str) -> float:
    """The share of the document's words, each as often as it occurs, that the response has: 1 if no text was lost."""
    wanted, found = (_words(text) for text in (require_field(prompt, "document"), response))
    if not wanted:
        raise ModelError("inapplicable", "the document has no words")
    return (wanted & found).total() / wanted.total()


def chunks(
    prompt: Prompt, response: str, *, separator: str, unit: str = "words", least: int = 1, most: int | None = None,
    tokenizer: str | None = None,
) -> float:  # fmt: skip
    """The share of the response's chunks, split at the separator, whose length is within the limits.

    Only white space between two separators is a chunk of length 0; a response without any chunk has a share of 0.
    """
    parts = [part.strip() for part in response.strip().removesuffix(separator.strip()).split(separator)]
    sizes = [size(part, unit, tokenizer) for part in parts]
    return sum(least <= each and (most is None or each <= most) for each in sizes) / len(sizes) if response.strip() else 0.0


def _headings(text: str) -> list[str]:
    return [heading for line in text.split("\n") if (heading := _heading(line))]


def _heading(line: str) -> str:
    """The text of a Markdown heading, or nothing if the line is none."""
    indented = line.lstrip(" ")
    body = indented.lstrip("#")
    level = len(indented) - len(body)
    if len(line) - len(indented) > 3 or not 1 <= level <= 6 or not body.startswith((" ", "\t")):
        return ""
    # Closing number signs are no text, unless nothing else is.
    return " ".join((body.rstrip(" \t#\r") or body).casefold().split())


def _words(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in find_words(text))


def _longest_common(first: list[str], second: list[str]) -> int:
    """The length of the longest sequence that both have in order, not necessarily in a row.

    One bit per item of `second`, a step per item of `first` (Hyyrö 2004).
    """
    places: dict[str, int] = {}
    for place, item in enumerate(second):
        places[item] = places.get(item, 0) | 1 << place
    everything = (1 << len(second)) - 1
    row = everything
    for item in first:
        met = row & places.get(item, 0)
        row = (row + met | row - met) & everything
    return len(second) - row.bit_count()
