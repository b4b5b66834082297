"""Marks the words in which two texts differ."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

# The time grows with the product of the lengths: with this limit a page takes well under a second.
MAX_PIECES: Final = 3000
_PIECE = re.compile(r"\s+|[^\W_]+|[\W_]")

Parts = Sequence[tuple[bool, str]]


def word_diff(first: str, second: str) -> tuple[Parts, Parts] | None:
    """Return both texts in parts; each is flagged if the other text lacks it. None if the texts are too long."""
    one, two = _PIECE.findall(first), _PIECE.findall(second)
    if max(len(one), len(two)) > MAX_PIECES:
        return None
    found: tuple[list[tuple[bool, str]], list[tuple[bool, str]]] = ([], [])
    for what, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        for side, pieces in ((0, one[a:b]), (1, two[c:d])):
            if pieces:
                found[side].append((what != "equal", "".join(pieces)))
    return _joined(found[0]), _joined(found[1])


def _joined(parts: Parts) -> Parts:
    """Join differing words that are separated by spaces only."""
    joined: list[tuple[bool, str]] = []
    for place, (changed, words) in enumerate(parts):
        between = words.isspace() and 0 < place < len(parts) - 1 and parts[place - 1][0] and parts[place + 1][0]
        flagged = changed or between
        if joined and joined[-1][0] == flagged:
            words = joined.pop()[1] + words
        joined.append((flagged, words))
    return joined
