"""Kind `check`: a program scores the response. It costs nothing, and what it says is exact."""

import importlib
import math
from collections.abc import Callable, Sequence

from rlaif.config import JudgeSpec
from rlaif.errors import InputError
from rlaif.judges.bench import Bench, Subject
from rlaif.records import Prompt, Score, Verdict
from rlaif.rubric import Check

NEEDS_MODEL = False
Function = Callable[[Prompt, str], float]


def calls(criteria: Sequence[Check], spec: JudgeSpec) -> list[list[Check]]:
    """One call for each: they share nothing."""
    return [[criterion] for criterion in criteria]


async def judge(subject: Subject, criteria: Sequence[Check], repeat: int, bench: Bench) -> Verdict:
    """Runs the program. One that crashes, or returns no number in range, is a failure and not a zero."""
    criterion = criteria[0]
    function = load(criterion.function, allow_code=bench.allow_code)
    try:
        value = float(function(subject.prompt, subject.text))
        if not (math.isfinite(value) and criterion.low <= value <= criterion.high):
            raise ValueError(f"{value!r} is outside {criterion.low:g} to {criterion.high:g}")
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        return Verdict([Score(criterion.key, failure="crashed")], failure="crashed", detail=detail)
    return Verdict([Score(criterion.key, value)])


def load(name: str, *, allow_code: bool) -> Function:
    """The function `module:function`. Others' code runs only where the user allowed it."""
    module_name, _, function_name = name.partition(":")
    if not allow_code and module_name.partition(".")[0] != "rlaif":
        raise InputError(f"{name} is code of your own", where="check", fix="Run with --allow-code if you trust it.")
    try:
        function: Function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{name} cannot be loaded: {error}", where="check") from None
    return function
