"""Checks of a response that is a form of the document: split into chunks, cleaned or converted."""

from collections import Counter

from rlaif.core.errors import ModelError
from rlaif.core.types import Prompt
from rlaif.core.words import find_words
from rlaif.judging.checks.answer import require_field
from rlaif.judging.checks.text import size


def headings(prompt: Prompt, response: str) -> float:
    """Return the share of the document's Markdown headings that are also headings of the response, in the same order."""
    wanted, found = _headings(require_field(prompt, "document")), _headings(response)
    if not wanted:
        raise ModelError("inapplicable", "the document has no headings")
    return _longest_common(wanted, found) / len(wanted)


def kept(prompt: Prompt, response: str) -> float:
    """Return the share of the document's words, counted with repetitions, that the response contains: 1 if none is lost."""
    wanted, found = (_words(text) for text in (require_field(prompt, "document"), response))
    if not wanted:
        raise ModelError("inapplicable", "the document has no words")
    return (wanted & found).total() / wanted.total()


def chunks(
    prompt: Prompt,
    response: str,
    *,
    separator: str,
    unit: str = "words",
    least: int = 1,
    most: int | None = None,
    tokenizer: str | None = None,
) -> float:
    """Return the share of the response's chunks, split at the separator, whose length is within the limits.

    A chunk of white space has length 0. An empty response has a share of 0.
    """
    parts = [part.strip() for part in response.strip().removesuffix(separator.strip()).split(separator)]
    sizes = [size(part, unit, tokenizer) for part in parts]
    return sum(least <= each and (most is None or each <= most) for each in sizes) / len(sizes) if response.strip() else 0.0


def _headings(text: str) -> list[str]:
    return [heading for line in text.split("\n") if (heading := _heading(line))]


def _heading(line: str) -> str:
    """Return the text of a Markdown heading, or an empty string if the line is not a heading."""
    indented = line.lstrip(" ")
    body = indented.lstrip("#")
    level = len(indented) - len(body)
    if len(line) - len(indented) > 3 or not 1 <= level <= 6 or not body.startswith((" ", "\t")):
        return ""
    # As in CommonMark, the closing # characters are not part of the text, except in a heading without other text.
    return " ".join((body.rstrip(" \t#\r") or body).casefold().split())


def _words(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in find_words(text))


def _longest_common(first: list[str], second: list[str]) -> int:
    """Return the length of the longest common subsequence.

    Uses one bit per item of `second` and one step per item of `first` (Hyyrö 2004).
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
