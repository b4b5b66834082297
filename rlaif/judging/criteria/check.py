"""Kind `check`: a function scores the response, exactly and without a model call.

A check is a built-in function, given by name, or a user's function, given as `module:function`, or as `python:NAME` if the
program that uses rlaif has registered it, which then runs in this process. Its options are keyword
arguments; those of the form `{column: NAME}` come with each prompt, in its metadata.
Built-in checks take linear time and run in this process. User functions, user patterns, JSON Schema and
tokenizers run in a separate process with a time limit.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from rlaif.config.yaml import did_you_mean
from rlaif.core import functions, plugins
from rlaif.core.errors import InputError, ModelError
from rlaif.core.signals import UnsentError
from rlaif.core.types import Prompt, Score, Verdict
from rlaif.judging.checks import answer, document, process, text
from rlaif.judging.checks.ifeval import ifeval
from rlaif.judging.context import Candidate, JudgeContext
from rlaif.judging.rubric import Check

NEEDS_MODEL = False
Function = Callable[..., float]
BUILT_IN: dict[str, Callable[..., float]] = {
    function.__name__: function
    for function in (
        text.length,
        text.within,
        text.matches,
        text.contains,
        text.language,
        text.json_valid,
        answer.exact,
        answer.number,
        answer.overlap,
        document.headings,
        document.kept,
        document.chunks,
        ifeval,
    )
}
# Built-in checks without these options, and the demo's oracle, need no separate process.
_UNBOUNDED = {
    "matches": "pattern",
    "json_valid": "schema",
    "length": "tokenizer",
    "within": "tokenizer",
    "chunks": "tokenizer",
}
# The only functions in modules that run without --allow-code: the demo's oracle.
FREE = frozenset(f"rlaif.demo.ground_truth:{name}" for name in ("helpfulness", "faithfulness", "completeness"))
# Time limits in seconds for one response, for built-in checks and for users' checks.
SECONDS, USER_SECONDS = 10.0, 60.0
# A prompt that every check can be tried on.
_TRIAL = Prompt(({"role": "user", "content": "trial"},), "trial 1", "trial 1")


async def judge(subject: Candidate, criteria: Sequence[Check], repeat: int, judge_context: JudgeContext) -> Verdict:
    """Run the check. A crash, a timeout or a value out of range is a failure, never a zero."""
    criterion, rationale = criteria[0], None
    function = load(criterion, allow_code=judge_context.allow_code)
    try:
        given = _arguments(criterion, subject.prompt)
        if given is None:
            value = _without_columns(criterion)
        elif functions.is_reference(criterion.function):
            value, rationale = await _registered(criterion, function, subject, given)
        elif _bounded(criterion):
            value = float(function(subject.prompt, subject.text, **given))
        else:
            value = await _apart(criterion, subject, given)
        if not (math.isfinite(value) and criterion.low <= value <= criterion.high):
            raise ValueError(f"{value!r} is outside {criterion.low:g} to {criterion.high:g}")
    except ModelError as error:
        return Verdict([Score(criterion.key, failure=error.kind)], failure=error.kind, detail=str(error), calls=0)
    except (InputError, UnsentError):
        raise
    except Exception as error:
        detail = str(error) if isinstance(error, process.CheckError) else f"{type(error).__name__}: {error}"
        return Verdict([Score(criterion.key, failure="crashed")], failure="crashed", detail=detail, calls=0)
    return Verdict([Score(criterion.key, value, rationale=rationale)], calls=0)


def _arguments(criterion: Check, prompt: Prompt) -> dict[str, Any] | None:
    """Return the arguments that come with the prompt; None if it lacks one of them."""
    given = {name: prompt.metadata.get(column) for name, column in criterion.columns.items()}
    return None if any(value is None for value in given.values()) else given


def _without_columns(criterion: Check) -> float:
    if criterion.if_none is None:
        names = ", ".join(criterion.columns.values())
        raise ModelError("inapplicable", f"the prompt lacks metadata that is an argument: {names}")
    return criterion.if_none


def _bounded(criterion: Check) -> bool:
    """Whether the check takes linear time for every text."""
    if criterion.function not in BUILT_IN:
        return criterion.function in FREE
    return criterion.options.get(_UNBOUNDED.get(criterion.function, "")) is None


async def _registered(
    criterion: Check, function: Function, subject: Candidate, given: Mapping[str, Any]
) -> tuple[float, str | None]:
    """Call a function of this program; return its value, and its rationale if it returns one."""
    limit = criterion.timeout or USER_SECONDS
    try:
        found = await functions.call(function, limit, subject.prompt, subject.text, **given)
    except TimeoutError:
        raise process.CheckError(f"it took more than {limit:g} s") from None
    value, rationale = found if isinstance(found, tuple) else (found, None)
    return float(value), None if rationale is None else str(rationale)


async def _apart(criterion: Check, subject: Candidate, given: Mapping[str, Any]) -> float:
    limit = criterion.timeout or (SECONDS if criterion.function in BUILT_IN else USER_SECONDS)
    fixed = {name: value for name, value in criterion.options.items() if name not in criterion.columns}
    return await process.call(criterion.function, fixed, subject.prompt, subject.text, limit, given)


def ready(function: str, options: Mapping[str, Any]) -> Function:
    """Return the function with its options, ready for calls. Runs in a process that was started for it."""
    if function not in BUILT_IN:
        module, _, name = function.partition(":")
        return partial(getattr(plugins.load(module), name), **options)
    found = partial(BUILT_IN[function], **options)
    # Arguments that come with each prompt are missing here.
    with suppress(ModelError, TypeError):
        found(_TRIAL, "1")
    return found


def load(criterion: Check, *, allow_code: bool) -> Function:
    """Return the criterion's function with its options. User code is loaded only if the user allowed it.

    Raises InputError for a function that does not exist or does not take these options.
    """
    name, where = criterion.function, f"check {criterion.name!r}"
    if functions.is_reference(name):
        function = functions.get("check", name, where).function
    elif ":" in name:
        function = _imported(name, where, allow_code)
    elif name in BUILT_IN:
        function = BUILT_IN[name]
    else:
        fix = did_you_mean(name, BUILT_IN) or f"Built-in checks: {', '.join(BUILT_IN)}. Your own: module:function."
        raise InputError(f"unknown check {name!r}", where=where, fix=fix)
    try:
        inspect.signature(function).bind(None, "", **criterion.options)
    except TypeError as error:
        known = list(inspect.signature(function).parameters.values())[2:]
        fix = f"Its options: {', '.join(map(str, known)) or 'none'}."
        raise InputError(f"invalid options for {name}: {error}", where=where, fix=fix) from None
    return partial(function, **criterion.options)


def verify(criteria: Iterable[object]) -> None:
    """Try every built-in check once. Raises InputError for one that does not exist or cannot run with its options."""
    for criterion in criteria:
        if isinstance(criterion, Check) and ":" not in criterion.function:
            function = load(criterion, allow_code=False)
            if criterion.columns:
                continue
            try:
                function(_TRIAL, "1")
            except InputError:
                raise
            except ModelError:
                pass  # The check does not apply to the trial text, which is fine.
            except Exception as error:
                where = f"check {criterion.name!r}"
                raise InputError(f"{criterion.function} cannot run with these options: {error}", where=where) from None


def _imported(name: str, where: str, allow_code: bool) -> Callable[..., float]:
    if not allow_code and name not in FREE:
        fix = f"If you trust this code, run with --allow-code. Built-in checks: {', '.join(BUILT_IN)}."
        raise InputError(f"{name} is not a built-in check and may run arbitrary code", where=where, fix=fix)
    module_name, _, function_name = name.partition(":")
    try:
        function: Callable[..., float] = getattr(plugins.load(module_name), function_name)
    # A module can raise anything while it is imported.
    except (Exception, SystemExit) as error:
        raise InputError(f"{name} cannot be loaded: {type(error).__name__}: {error}", where=where) from None
    if not callable(function):
        raise InputError(f"{name} is not a function", where=where, fix="Use module:function.")
    return function
