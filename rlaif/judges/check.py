"""Kind `check`: a program scores the response. It costs nothing, and what it says is exact.

A check is one of rlaif's own, by name, or a user's function, by `module:function`; its options are keyword arguments.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from rlaif import own_code
from rlaif.errors import InputError, ModelError
from rlaif.judges import check_answer, check_document, check_text
from rlaif.judges.bench import Bench, Subject
from rlaif.records import Prompt, Score, Verdict
from rlaif.rubric import Check
from rlaif.yaml_file import did_you_mean

NEEDS_MODEL = False
Function = Callable[[Prompt, str], float]
BUILT_IN: dict[str, Callable[..., float]] = {
    function.__name__: function
    for function in (
        check_text.length, check_text.within, check_text.matches, check_text.contains,
        check_text.language, check_text.json_valid,
        check_answer.exact, check_answer.number, check_answer.overlap,
        check_document.headings, check_document.kept, check_document.chunks,
    )
}  # fmt: skip
# The only functions in modules that run without --allow-code: the demo's oracle.
FREE = frozenset(f"rlaif.tiny.oracle:{name}" for name in ("helpfulness", "faithfulness", "completeness"))
# Something that every check can read.
_TRIAL = Prompt(({"role": "user", "content": "trial"},), "trial 1", "trial 1")


async def judge(subject: Subject, criteria: Sequence[Check], repeat: int, bench: Bench) -> Verdict:
    """Runs the program. One that crashes, or returns no number in range, is a failure and not a zero."""
    criterion = criteria[0]
    function = load(criterion, allow_code=bench.allow_code)
    try:
        value = float(function(subject.prompt, subject.text))
        if not (math.isfinite(value) and criterion.low <= value <= criterion.high):
            raise ValueError(f"{value!r} is outside {criterion.low:g} to {criterion.high:g}")
    except ModelError as error:
        return Verdict([Score(criterion.key, failure=error.kind)], failure=error.kind, detail=str(error), calls=0)
    except InputError:
        raise
    # A function that ends the program has crashed too.
    except (Exception, SystemExit) as error:
        detail = f"{type(error).__name__}: {error}"
        return Verdict([Score(criterion.key, failure="crashed")], failure="crashed", detail=detail, calls=0)
    return Verdict([Score(criterion.key, value)], calls=0)


def load(criterion: Check, *, allow_code: bool) -> Function:
    """The criterion's function with its options. Others' code runs only where the user allowed it.

    Raises InputError for one that does not exist, or does not take these options.
    """
    name, where = criterion.function, f"check {criterion.name!r}"
    if ":" in name:
        function = _imported(name, where, allow_code)
    elif name in BUILT_IN:
        function = BUILT_IN[name]
    else:
        fix = did_you_mean(name, BUILT_IN) or f"There are {', '.join(BUILT_IN)}; your own is module:function."
        raise InputError(f"no check is called {name!r}", where=where, fix=fix)
    try:
        inspect.signature(function).bind(None, "", **criterion.options)
    except TypeError as error:
        known = list(inspect.signature(function).parameters.values())[2:]
        fix = f"It takes {', '.join(map(str, known)) or 'none'}."
        raise InputError(f"{name} does not take these options: {error}", where=where, fix=fix) from None
    return partial(function, **criterion.options)


def verify(criteria: Iterable[object]) -> None:
    """Raises InputError for a check of rlaif's own that does not exist, or whose options will not do, by trying it."""
    for criterion in criteria:
        if isinstance(criterion, Check) and ":" not in criterion.function:
            function = load(criterion, allow_code=False)
            try:
                function(_TRIAL, "1")
            except InputError:
                raise
            except ModelError:
                pass  # It says nothing about this text, which is no mistake.
            except Exception as error:
                where = f"check {criterion.name!r}"
                raise InputError(f"{criterion.function} cannot run with these options: {error}", where=where) from None


def _imported(name: str, where: str, allow_code: bool) -> Callable[..., float]:
    if not allow_code and name not in FREE:
        fix = f"Run with --allow-code if you trust it as you trust a program. Built in are {', '.join(BUILT_IN)}."
        raise InputError(f"{name} is code that is not one of rlaif's checks", where=where, fix=fix)
    module_name, _, function_name = name.partition(":")
    try:
        function: Callable[..., float] = getattr(own_code.load(module_name), function_name)
    # A module can raise anything while it is imported.
    except (Exception, SystemExit) as error:
        raise InputError(f"{name} cannot be loaded: {type(error).__name__}: {error}", where=where) from None
    if not callable(function):
        raise InputError(f"{name} is not a function", where=where, fix="Give module:function.")
    return function
