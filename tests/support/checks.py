"""Checks of given texts: the verdict, or the value."""

import asyncio
from typing import Any

from rlaif.config import JudgeSpec
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.core.types import Prompt, Verdict
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import check, scale
from rlaif.judging.rubric import Check

DOCUMENT = "# Load\n\nThe truck carried 102 crates.\n\n## Route\n\nIt left at 06:40.\n\n# Load\n"
BENCH = JudgeContext(JudgeSpec(rubric="x"), Template(root() / "prompts/judge/scale.jinja", scale.VARIABLES))


def judged(
    function: str,
    response: str,
    document: str | None = DOCUMENT,
    reference: str | None = None,
    judge_context: JudgeContext = BENCH,
    high: float = 1,
    **options: Any,
) -> Verdict:
    criterion = Check(name="c", kind="check", function=function, options=options, high=high)
    prompt = Prompt(({"role": "user", "content": "Tell."},), document, reference)
    return asyncio.run(check.judge(Candidate(prompt, response), [criterion], 0, judge_context))


def value(function: str, response: str, **given: Any) -> float | None:
    verdict = judged(function, response, **given)
    assert verdict.failure is None, verdict.detail
    return verdict.scores[0].value
