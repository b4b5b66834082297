"""How text and numbers are written for people: untrusted characters made visible, missing numbers as a dash."""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

MISSING = "–"
# Control, format, line and paragraph separator: what can hide or reorder text.
_HIDING = frozenset({"Cc", "Cf", "Zl", "Zp"})
# Line feed and tab lay text out; the joiners are part of words in many scripts, and of emoji.
_HARMLESS = frozenset("\n\t\u200c\u200d")


def visible(value: Any) -> Any:
    """A value as a reader may see it: hiding characters as ⟨U+202E⟩, None as a dash. Pages pass all data through."""
    if value is None:
        return MISSING
    if isinstance(value, str) and not isinstance(value, Markup):
        return "".join(map(_shown, value.replace("\r\n", "\n")))
    return value


def _shown(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _HIDING:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def _or_dash(write: Callable[..., str]) -> Callable[..., str]:
    return lambda value, *rest: MISSING if value is None else write(value, *rest).replace("-", "−")


def _seconds(value: float) -> str:
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def _date(value: datetime) -> str:
    return f"{value.day} {value:%B %Y, %H:%M} UTC"


FILTERS: Mapping[str, Callable[..., str]] = {
    "count": _or_dash(lambda value: f"{value:,}"),
    "number": _or_dash(lambda value, digits=1: f"{value:,.{digits}f}"),
    "short": _or_dash(lambda value: f"{value:.2f}".rstrip("0").rstrip(".")),
    "signed": _or_dash(lambda value, digits=1: f"{value:+,.{digits}f}"),
    "percent": _or_dash(lambda value, digits=0: f"{100 * value:.{digits}f}\u00a0%"),
    "seconds": _or_dash(_seconds),
    "date": _date,
    "words": lambda value: str(value).replace("_", " "),
}
