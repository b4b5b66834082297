"""Checks of a response against the reference answer or the document."""

import re
import unicodedata
from collections import Counter
from decimal import Decimal
from fractions import Fraction

from rlaif.errors import InputError, ModelError
from rlaif.records import Prompt

# A minus is a sign unless it stands between two things; thousands in threes.
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)])[-−])?[$€£]?(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<part>\.\d+)?(?:/(?P<under>[1-9]\d*))?"
)
_WORD = re.compile(r"\w+")


def exact(prompt: Prompt, response: str, *, after: str | None = None, ignore_case: bool = True) -> float:
    """1 if the response is the reference but for spacing, case and a full stop at its end, else 0.

    `after` is the marker that the answer follows in either text; its last place counts.
    """
    wanted, found = _after(told_by(prompt, "reference"), after), _after(response, after)
    if wanted is None:
        raise ModelError("inapplicable", f"the reference has no {after!r}")
    return found is not None and _plain(found, ignore_case) == _plain(wanted, ignore_case)


def number(prompt: Prompt, response: str, *, after: str | None = None, tolerance: float = 0.0) -> float:
    """1 if the response's number equals the reference's, to within `tolerance`, else 0; 1,000 and 1000.0 are equal.

    Each text's last number counts, or the first one after the last place of the marker `after`. A response without it
    is wrong; a reference without it cannot be checked against.
    """
    wanted, found = _number(told_by(prompt, "reference"), after), _number(response, after)
    if wanted is None:
        raise ModelError("inapplicable", "the reference holds no number to check against")
    return found is not None and abs(found - wanted) <= Fraction(str(tolerance))


def overlap(
    prompt: Prompt, response: str, *, source: str = "document", of: str = "response", words: int = 1
) -> float:  # fmt: skip
    """The share of the response's runs of so many words that stand in the document (or the reference) too.

    `of: source` asks the other way round: the share of the document's that stand in the response. Each counts as often as
    it occurs. A response without any has a share of 0.
    """
    if of not in ("response", "source"):
        raise InputError(f"`of` is {of!r}", where="check overlap", fix="It is response or source.")
    given, told = _runs(told_by(prompt, source), words), _runs(response, words)
    if not given:
        raise ModelError("inapplicable", f"the {source} has no {words} words in a row")
    return (given & told).total() / (told if of == "response" else given).total() if told else 0.0


def told_by(prompt: Prompt, name: str) -> str:
    """The prompt's document or reference. Without one, the check says nothing."""
    if name not in ("document", "reference"):
        raise InputError(f"`source` is {name!r}", where="check", fix="It is document or reference.")
    text = prompt.document if name == "document" else prompt.reference
    if not text:
        raise ModelError("inapplicable", f"the prompt has no {name}")
    return text


def _runs(text: str, words: int) -> Counter[tuple[str, ...]]:
    found = [word.casefold() for word in _WORD.findall(unicodedata.normalize("NFKC", text))]
    return Counter(zip(*(found[place:] for place in range(words)), strict=False))


def _after(text: str, marker: str | None) -> str | None:
    if marker is None:
        return text
    _, found, rest = text.rpartition(marker)
    return rest if found else None


def _plain(text: str, ignore_case: bool) -> str:
    text = " ".join(unicodedata.normalize("NFKC", text).split()).rstrip(" .")
    return text.casefold() if ignore_case else text


def _number(text: str, marker: str | None) -> Fraction | None:
    rest = _after(text, marker)
    found = list(_NUMBER.finditer(rest)) if rest is not None else []
    if not found:
        return None
    match = found[-1] if marker is None else found[0]
    value = Fraction(Decimal(match["whole"].replace(",", "") + (match["part"] or "")))
    value /= int(match["under"] or 1)
    return -value if match["sign"] else value
