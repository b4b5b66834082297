"""Selene Mini (Atla 2025, arXiv 2501.17195): `**Reasoning:**`, then `**Result:**` and a score from 1 to 5, or A or B."""

import re

from rlaif.judging.native import Format, ReplyFormat

_BEFORE = r"\s*(?:\*\*Reasoning:\*\*)?(?P<rationale>.*?)\*\*Result:\*\*\s*"
_MARK = re.compile(r"\*\*Result:\*\*\s*(\w*)")

FORMAT = Format(
    marks=re.compile(r"`(?=``)|\*(?=\*(?:Reasoning|Result):)", re.IGNORECASE),
    scale=ReplyFormat(
        re.compile(rf"{_BEFORE}(?P<word>[1-5])\s*", re.DOTALL),
        _MARK,
        {str(score): score for score in range(1, 6)},
        "**Reasoning:** {text}\n\n**Result:** {word}",
    ),
    compare=ReplyFormat(
        re.compile(rf"{_BEFORE}(?P<word>[AB])\s*", re.DOTALL),
        _MARK,
        {"A": 1, "B": 0},
        "**Reasoning:** {text}\n\n**Result:** {word}",
    ),
)
