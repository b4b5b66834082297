"""Prometheus 2 (Kim et al. 2024, arXiv 2405.01535): feedback, then `[RESULT]` and a score from 1 to 5, or A or B."""

import re

from rlaif.judging.native import Format, ReplyFormat

_BEFORE = r"\s*(?:Feedback:)?(?P<rationale>.*?)\[RESULT\]\s*"
_MARK = re.compile(r"\[RESULT\]\s*(\w*)")

FORMAT = Format(
    marks=re.compile(r"\[(?=RESULT\])|^#(?=##\S)", re.IGNORECASE | re.MULTILINE),
    scale=ReplyFormat(
        re.compile(rf"{_BEFORE}(?P<word>[1-5])\s*", re.DOTALL),
        _MARK,
        {str(score): score for score in range(1, 6)},
        "Feedback: {text} [RESULT] {word}",
    ),
    compare=ReplyFormat(
        re.compile(rf"{_BEFORE}(?P<word>[AB])\s*", re.DOTALL),
        _MARK,
        {"A": 1, "B": 0},
        "Feedback: {text} [RESULT] {word}",
    ),
)
