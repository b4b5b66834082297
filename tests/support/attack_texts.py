"""What attacks on a prompt are made of, and what must not be left of it in a judge's view."""

import re

from hypothesis import strategies as st

MARKS = re.compile(r"<[|｜][^<>|｜]{1,40}[|｜]>|\[/?INST\]|</?s>|<</?SYS>>|<(start|end)_of_turn>", re.IGNORECASE)
HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")


def joined(pieces: list[str], most: int) -> st.SearchStrategy[str]:
    """Up to so many of the pieces in a row; one byte each, because drawing them singly takes most of a test's time."""
    return st.binary(max_size=most).map(lambda drawn: "".join(pieces[byte % len(pieces)] for byte in drawn))
