"""Split text into words, in one way for size limits, overlap, near-duplicates, contamination, diversity, retrieval and SQL.

Scripts that write no spaces have one word per character, its marks included: Han, kana, Thai, Lao, Khmer, Myanmar and their
relatives. Unicode word segmentation without a dictionary (UAX #29) breaks them at the same places, except that it leaves
katakana in runs. All other text is split at spaces (`count_words`), or at everything but letters and digits (`find_words`).
"""

import re
import unicodedata
from functools import cache

# Han with iteration marks and numerals, hiragana, katakana (also half-width).
_IDEOGRAPHS = (
    "\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003fffd"
)
# Letters and marks of Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham and Tai Viet.
_LETTERS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3\u17dc\u17dd"
    "\u1950-\u19c9\u1a20-\u1a7f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaadd"
)
# The marks among them, which belong to the preceding letter, as does the long vowel sign of kana.
_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064"
    "\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d\u17b4-\u17d3\u17dd\u1a55-\u1a7f\uaa7b-\uaa7d\uaab0-\uaab8"
    "\uaabe-\uaac1\u3099\u309a\u30fc\uff70\uff9e\uff9f"
)
_SPACELESS = _IDEOGRAPHS + _LETTERS
# The characters at which Python's `str.split` splits.
_SPACES = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Punctuation next to a character of a script without spaces does not count as a word.
_PUNCTUATION = (
    "!-/:-@\\[-`{-~\xa1-\xbf\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3020\u3030\u30fb"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_ANY_SPACELESS = re.compile(f"[{_SPACELESS}]")
# The possessive quantifiers keep matching linear; without them, the pattern matches the same (`SQL_WORD`).
_WRITTEN = re.compile(f"[{_PUNCTUATION}]*+[{_SPACELESS}][{_MARKS}]*+[{_PUNCTUATION}]*+|[^{_SPACES}{_SPACELESS}]++")
_ASCII_WORD = re.compile(r"\w+")
# Keycaps and variation selectors are marks of symbols, not of letters.
_NO_LETTER_MARKS = range(0xFE00, 0xFE10)


def count_words(text: str) -> int:
    """Count the words of a text: runs between spaces, and characters of scripts without spaces."""
    if text.isascii() or not _ANY_SPACELESS.search(text):
        return len(text.split())
    return sum(1 for _ in _WRITTEN.finditer(text))


def word_starts(text: str) -> list[int]:
    """Return the start of each word that `count_words` counts."""
    return [match.start() for match in _WRITTEN.finditer(text)]


def find_words(text: str, *, punctuation: bool = False) -> list[str]:
    """Return the words of a text without punctuation, or with each punctuation mark as a separate word."""
    if text.isascii():
        return (_ascii_marked() if punctuation else _ASCII_WORD).findall(text)
    return _word(punctuation).findall(text)


@cache
def word_pattern() -> str:
    """Return the regular expression of one word in `find_words`: a letter or digit and the characters that continue it."""
    marks = "".join(
        chr(code)
        for code in range(0x300, 0x1F000)
        if code not in _NO_LETTER_MARKS and unicodedata.category(chr(code)) in ("Mn", "Mc")
    )
    # A joiner inside a word (Persian, Indic scripts) belongs to the word.
    return rf"[{_SPACELESS}][{_MARKS}]*|[^\W{_SPACELESS}](?:[^\W{_SPACELESS}]|[{_ranges(marks)}\u200c\u200d])*"


@cache
def _word(punctuation: bool) -> re.Pattern[str]:
    return re.compile(word_pattern() + (r"|[^\w\s]" if punctuation else ""))


@cache
def _ascii_marked() -> re.Pattern[str]:
    return re.compile(r"\w+|[^\w\s]")


def _ranges(characters: str) -> str:
    """Return the inside of a character class with these characters, which must be in order."""
    found: list[list[str]] = []
    for character in characters:
        if found and ord(character) == ord(found[-1][1]) + 1:
            found[-1][1] = character
        else:
            found.append([character, character])
    return "".join(f"{first}-{last}" for first, last in found)


def _escaped(ranges: str) -> str:
    """Return the inside of a character class in RE2 syntax for a query, with non-ASCII characters as code points."""
    return "".join(c if c.isascii() and c.isprintable() and c != "'" else rf"\x{{{ord(c):X}}}" for c in ranges)


SQL_WORD = (
    f"[{_escaped(_PUNCTUATION)}]*[{_escaped(_SPACELESS)}][{_escaped(_MARKS)}]*[{_escaped(_PUNCTUATION)}]*"
    f"|[^{_escaped(_SPACES)}{_escaped(_SPACELESS)}]+"
)
"""The pattern of a counted word for DuckDB's `regexp_extract_all`; the views hold it literally."""
