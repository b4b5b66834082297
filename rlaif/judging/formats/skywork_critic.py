"""Skywork-Critic (Skywork 2024, on Hugging Face): `[[A]]` or `[[B]]`."""

import re

from rlaif.judging.native import Format, ReplyFormat

FORMAT = Format(
    marks=re.compile(r"\[(?=\[[AB]\]\]|User Question\]|The (?:Start|End) of Assistant)", re.IGNORECASE),
    compare=ReplyFormat(
        re.compile(r"(?P<rationale>.*?)\[\[(?P<word>[AB])\]\]\s*", re.DOTALL),
        re.compile(r"\[\[([AB])\]\]"),
        {"A": 1, "B": 0},
        "[[{word}]]",
    ),
)
