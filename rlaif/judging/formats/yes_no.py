"""Generative verifiers (GenRM, Zhang et al. 2024, arXiv 2408.15240): the score is the probability of `Yes` instead of `No`.

A verifier that reasons first (GenRM-CoT) repeats the question `Is the answer correct (Yes/No)?` before its verdict.
"""

import re

from rlaif.judging.native import Format, ReplyFormat

FORMAT = Format(
    marks=re.compile(r"\((?=Yes/No\))|^(?:Context|Question|Answer|Reference answer)(?=:)", re.IGNORECASE | re.MULTILINE),
    scale=ReplyFormat(
        re.compile(r"(?:(?P<rationale>.*?)\(Yes/No\)\?)?\s*(?P<word>Yes|No)\.?\s*", re.DOTALL),
        re.compile(r"\(Yes/No\)\?\s*(\w*)"),
        {"Yes": 1, "No": 0},
        "{word}",
    ),
    low=0,
    high=1,
    needs_logprobs=True,
)
