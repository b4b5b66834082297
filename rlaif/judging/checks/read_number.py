"""Reads the last or first number of a text, in the notations of several languages.

A spelling can be ambiguous: `1.234` is less than two in English and more than a thousand in German. The English reading
comes first, and the others are kept, so that a check can distinguish a wrong number from one that may be right.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

# Longer numbers are not compared, because a million digits take minutes to convert.
MOST_CHARACTERS: Final = 1000
MOST_EXPONENT: Final = 400

_SPACES = " \xa0\u2007\u2009\u202f"
_SPACE = re.compile(f"[{_SPACES}]")
_QUOTES = "'\u2019"
_MINUS = "-\u2212\uff0d\ufe63"
# Runs of digits with single separators between them. Possessive, so that no run is scanned twice.
_CHAIN = rf"\d++(?:[.,{_QUOTES}{_SPACES}]\d++)*+"
_NUMBER = re.compile(
    rf"(?:(?P<sign>(?<![\w)])[{_MINUS}]))?[$€£¥₹]?(?P<chain>{_CHAIN})"
    rf"(?:[eE](?P<exponent>[+{_MINUS}]?\d{{1,6}})(?!\w)|[ ]?[×x*·][ ]?10\^\{{?(?P<power>[+{_MINUS}]?\d{{1,6}})\}}?)?"
    r"(?:/(?P<under>[1-9]\d*+))?"
)
_TO_ASCII_MINUS = dict.fromkeys(map(ord, _MINUS), "-")
_BEFORE_FRACTION = re.compile(" (?=[\xbc-\xbe\u2150-\u215e])")
_TRANSLATED = {ord("٫"): ".", ord("٬"): ",", ord("．"): "."}
# Groups have three digits, except in the Indian form. English notations come first, then others.
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_ENGLISH = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?")
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_GROUPED = re.compile(rf"\d{{1,3}}(?:([{_QUOTES}{_SPACES}])\d{{3}})(?:\1\d{{3}})*(?:[.,]\d+)?")
_COMMA = re.compile(r"\d+,\d+")
_ONE_POINT_GROUP = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_ELEMENT = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")


@dataclass(frozen=True)
class Reading:
    """The English reading of a number, and other possible readings; `value` is None for a number too long to compare."""

    value: Fraction | None
    others: tuple[Fraction, ...] = ()
    spelling: str = ""


def read_number(text: str, *, last: bool) -> Reading | None:
    """Return the last or first number of a text; None if it has none."""
    text = _plain(text)
    matches = _NUMBER.finditer(text)
    match = next(matches, None)
    if last:
        for match in matches:  # noqa: B007
            pass
    if match is None:
        return None
    if len(match[0]) > MOST_CHARACTERS:
        return Reading(None, spelling=f"{match[0][:20]}…")
    return _read(match, last=last)


def _plain(text: str) -> str:
    """Return the text with ASCII digits and separators, fractions such as ½ spelled out, and no formatting characters."""
    text = _BEFORE_FRACTION.sub("", text.translate(_TRANSLATED))
    if text.isascii():
        return text
    return "".join(map(_plain_character, text))


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "No" and "<fraction>" in unicodedata.decomposition(character):
        # The space separates it from a whole number before it.
        return " " + unicodedata.normalize("NFKC", character).replace("\u2044", "/")
    return character


def _read(match: re.Match[str], *, last: bool) -> Reading:
    chain, under = match["chain"], int(match["under"] or 1)
    scale = _scale(match["exponent"] or match["power"] or "0")
    if scale is None:
        return Reading(None, spelling=match[0])
    mixed = _mixed(chain, under) if match["under"] else None
    if match["under"] and not last and mixed is None and _SPACE.search(chain):
        under = 1  # It belongs to a later number.
    values, at_start = _chain(chain, last=last or mixed is not None)
    values = [value / under * scale for value in values]
    if mixed is not None:
        values, at_start = [mixed * scale, *values], True
    if match["sign"] and at_start:
        values = [-value for value in values]
    return Reading(values[0], tuple(dict.fromkeys(values[1:])), match[0].strip())


def _scale(exponent: str) -> Fraction | None:
    power = int(exponent.translate(_TO_ASCII_MINUS))
    return Fraction(10) ** power if abs(power) <= MOST_EXPONENT else None


def _mixed(chain: str, under: int) -> Fraction | None:
    """Return the mixed number, such as 1 1/2, whose whole part and numerator end the chain."""
    *_, whole, over = ["", *_SPACE.split(chain)]
    if whole.isdecimal() and over.isdecimal() and int(over) < under:
        return int(whole) + Fraction(int(over), under)
    return None


def _chain(chain: str, *, last: bool) -> tuple[list[Fraction], bool]:
    """Return the readings of a chain of digits and separators, and whether the number is at its start."""
    if found := _whole(chain, last=last):
        return found, True
    pieces = _SPACE.split(chain)
    if len(pieces) > 1:
        # Several numbers, one of which may itself be grouped by spaces. Take the longest that is.
        cuts = [match.end() if last else match.start() for match in _SPACE.finditer(chain)]
        for cut in cuts if last else reversed(cuts):
            if found := _whole(chain[cut:] if last else chain[:cut], last=last):
                return found, not last
    elements = _ELEMENT.findall(pieces[-1 if last else 0])
    return [_decimal(elements[-1 if last else 0])], not last


def _whole(text: str, *, last: bool) -> list[Fraction]:
    """Return the readings of one number, the English or only one first; empty if the whole text is not a number."""
    if _PLAIN.fullmatch(text):
        return [_decimal(text), *([_decimal(text.replace(".", ""))] if _ONE_POINT_GROUP.fullmatch(text) else [])]
    if _ENGLISH.fullmatch(text) or _INDIAN.fullmatch(text):
        comma = [_decimal(text.replace(",", "."))] if text.count(",") == 1 and "." not in text else []
        return [_decimal(text), *comma]
    if _POINTS.fullmatch(text):
        return [_decimal(text.replace(".", "").replace(",", "."))]
    edge = -1 if last else 0
    if grouped := _GROUPED.fullmatch(text):
        # A plain space may also separate two numbers.
        piece = text.split(" ")[edge].replace(",", ".")
        parts = [_decimal(piece)] if grouped[1] == " " and not piece.startswith("0") else []
        return [_decimal(text.replace(grouped[1], "").replace(",", ".")), *parts]
    if _COMMA.fullmatch(text):
        return [_decimal(text.replace(",", ".")), _decimal(text.split(",")[edge])]
    return []


def _decimal(text: str) -> Fraction:
    return Fraction(Decimal(text.replace(",", "")))
