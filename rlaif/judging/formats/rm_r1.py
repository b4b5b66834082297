"""RM-R1 (Chen et al. 2025, arXiv 2505.02387): reasoning, then `<answer>[[A]]</answer>` or `<answer>[[B]]</answer>`."""

import re

from rlaif.judging.native import Format, ReplyFormat

FORMAT = Format(
    marks=re.compile(r"\[(?=\[[AB]\]\]|Client Question\]|The (?:Start|End) of Chatbot)|<(?=/?answer>)", re.IGNORECASE),
    compare=ReplyFormat(
        re.compile(r"(?P<rationale>.*?)<answer>\s*\[\[(?P<word>[AB])\]\]\s*</answer>\s*", re.DOTALL),
        re.compile(r"\[\[([AB])\]\]"),
        {"A": 1, "B": 0},
        "{text} <answer>[[{word}]]</answer>",
    ),
)
