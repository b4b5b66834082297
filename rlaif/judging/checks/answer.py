"""Checks of a response against the reference answer or the document."""

import unicodedata
from collections import Counter
from fractions import Fraction

from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Prompt
from rlaif.core.words import find_words
from rlaif.judging.checks.read_number import Reading, read_number


def exact(prompt: Prompt, response: str, *, after: str | None = None, ignore_case: bool = True) -> float:
    """Return 1 if the response equals the reference, ignoring spacing, case and a final full stop, else 0.

    `after` is a marker that precedes the answer in both texts; its last occurrence counts.
    """
    wanted, found = _after(require_field(prompt, "reference"), after), _after(response, after)
    if wanted is None:
        raise ModelError("inapplicable", f"the reference has no {after!r}")
    return found is not None and _plain(found, ignore_case) == _plain(wanted, ignore_case)


def number(prompt: Prompt, response: str, *, after: str | None = None, tolerance: float = 0.0) -> float:
    """Return 1 if the response's number equals the reference's within `tolerance`, else 0. 1,000, 1 000 and 1e3 are equal.

    The last number of each text counts, or the first one after the last occurrence of the marker `after`. A response without
    a number is wrong; with a reference without one, the check is inapplicable. Ambiguous spellings are read as in English;
    if only the other reading is right (1.234 for 1234), the check is inapplicable.
    """
    wanted, found = _number(require_field(prompt, "reference"), after), _number(response, after)
    if wanted is None or wanted.value is None:
        raise ModelError("inapplicable", "the reference contains no number")
    if found is None or found.value is None:
        return 0.0
    allowed = Fraction(str(tolerance))
    if abs(found.value - wanted.value) <= allowed:
        return 1.0
    if any(abs(one - other) <= allowed for one in (found.value, *found.others) for other in (wanted.value, *wanted.others)):
        raise ModelError("inapplicable", f"{found.spelling!r} or {wanted.spelling!r} can be read as two different numbers")
    return 0.0


def overlap(prompt: Prompt, response: str, *, source: str = "document", of: str = "response", words: int = 1) -> float:
    """Return the share of the response's n-grams (n is `words`) that also occur in the document or reference (`source`).

    `of: source` is the reverse: the share of the source's n-grams that also occur in the response. Each n-gram counts as
    often as it occurs. A response without n-grams has a share of 0.
    """
    if of not in ("response", "source"):
        raise InputError(f"`of` is {of!r}", where="check overlap", fix="Use response or source.")
    given, found = _runs(require_field(prompt, source), words), _runs(response, words)
    if not given:
        raise ModelError("inapplicable", f"the {source} has no {words} words in a row")
    return (given & found).total() / (found if of == "response" else given).total() if found else 0.0


def require_field(prompt: Prompt, name: str) -> str:
    """Return the prompt's document or reference. Raises ModelError `inapplicable` if it has none."""
    if name not in ("document", "reference"):
        raise InputError(f"`source` is {name!r}", where="check", fix="Use document or reference.")
    text = prompt.document if name == "document" else prompt.reference
    if not text:
        raise ModelError("inapplicable", f"the prompt has no {name}")
    return text


def _runs(text: str, words: int) -> Counter[tuple[str, ...]]:
    found = [word.casefold() for word in find_words(unicodedata.normalize("NFKC", text))]
    return Counter(zip(*(found[place:] for place in range(words)), strict=False))


def _after(text: str, marker: str | None) -> str | None:
    if marker is None:
        return text
    _, found, rest = text.rpartition(marker)
    return rest if found else None


def _plain(text: str, ignore_case: bool) -> str:
    text = " ".join(unicodedata.normalize("NFKC", text).split()).rstrip(" .")
    return text.casefold() if ignore_case else text


def _number(text: str, marker: str | None) -> Reading | None:
    rest = _after(text, marker)
    return None if rest is None else read_number(rest, last=marker is None)
