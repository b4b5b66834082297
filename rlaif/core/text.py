"""Format text and numbers for people: make hidden and control characters visible, write missing numbers as a dash."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from markupsafe import Markup

MISSING: Final = "–"

# Characters that control a terminal: C0 and C1 controls and DEL, but not tab and line feed, which lay out text.
_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
# Characters that are invisible, hide or reorder text, or cannot be encoded: soft hyphen, fillers, bidi and zero-width ones,
# line and paragraph separators, variation selectors, interlinear and shorthand controls, surrogates, tags.
_INVISIBLE: Final = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = re.compile(f"[{_CONTROLS}]")
_HIDING = re.compile(f"[{_CONTROLS}{_INVISIBLE}]")
_JOINERS: Final = "\u200c\u200d"
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Latin letters and the characters before them need no joiner; a keycap such as 1️⃣ has a selector.
_LAST_LATIN: Final = "\u02ff"
_KEYCAPS: Final = "0123456789#*©®"


def visible(value: Any) -> Any:
    """Return a value that is safe to show: hiding characters as ⟨U+202E⟩, None as a dash, anything else unchanged.

    Joiners stay where Persian, Indic scripts and emoji need them. All data on pages, cards and terminals passes this.
    """
    if value is None:
        return MISSING
    if isinstance(value, str) and not isinstance(value, Markup):
        return _HIDING.sub(_shown, value.replace("\r\n", "\n"))
    return value


def without_controls(text: str) -> str:
    """Return the text with terminal control characters made visible and all others unchanged."""
    return _CONTROL.sub(lambda found: code_point(found[0]), text)


def code_point(character: str) -> str:
    """Return the visible notation of a character that cannot be shown as itself."""
    return f"⟨U+{ord(character):04X}⟩"


def _shown(found: re.Match[str]) -> str:
    character, text, place = found[0], found.string, found.start()
    before = text[place - 1] if place else ""
    if _SELECTOR.match(character) and _takes_selector(before):
        return character
    if character in _JOINERS and (_takes_joiner(before) or _is_chosen(text, place - 1)):
        return character
    return code_point(character)


def _takes_selector(character: str) -> bool:
    return character != "" and (character in _KEYCAPS or _takes_joiner(character))


def _takes_joiner(character: str) -> bool:
    """Return whether a letter, mark or symbol may need a joiner after it: only those beyond the Latin script do."""
    return character > _LAST_LATIN and unicodedata.category(character)[0] in "LMS" and not _HIDING.fullmatch(character)


def _is_chosen(text: str, place: int) -> bool:
    """Return whether the variation selector at this place belongs to the character before it."""
    return place > 0 and bool(_SELECTOR.match(text[place])) and _takes_selector(text[place - 1])


def _or_dash(write: Callable[..., str]) -> Callable[..., str]:
    return lambda value, *rest: MISSING if value is None else write(value, *rest).replace("-", "−")


def _seconds(value: float) -> str:
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def _brief(value: int) -> str:
    """Return a count in at most four characters, for labels in charts."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.1f}{unit}" if value < 9.95 * size else f"{value / size:.0f}{unit}"
    return str(value)


def _date(value: datetime) -> str:
    return f"{value.day} {value:%B %Y, %H:%M} UTC"


FILTERS: Mapping[str, Callable[..., str]] = {
    "count": _or_dash(lambda value: f"{value:,}"),
    "brief": _or_dash(_brief),
    "number": _or_dash(lambda value, digits=1: f"{value:,.{digits}f}"),
    "short": _or_dash(lambda value: f"{value:.2f}".rstrip("0").rstrip(".")),
    "signed": _or_dash(lambda value, digits=1: f"{value:+,.{digits}f}"),
    "percent": _or_dash(lambda value, digits=0: f"{100 * value:.{digits}f}\u00a0%"),
    "seconds": _or_dash(_seconds),
    "date": _date,
    "words": lambda value: str(value).replace("_", " "),
}
