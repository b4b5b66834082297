"""Python functions of the program that uses rlaif: checks, judges, sources of rows, and strategies.

A pipeline names a registered function as `python:NAME`. It is the program's own code, so it needs no --allow-code; a
pipeline file from elsewhere can only name functions that the program has registered.
"""

import asyncio
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rlaif.core.errors import InputError

PREFIX: Final = "python:"


@dataclass(frozen=True)
class Registered:
    """A registered function. `version` is part of content keys: when it changes, its results are computed again."""

    name: str
    function: Callable[..., Any]
    version: str
    low: float = 0.0
    high: float = 1.0
    fixed_version: str | None = None
    """The version that the program gave, None for a digest of the source."""


# Functions by kind (check, source or strategy) and name, and rubrics by name.
_known: dict[tuple[str, str], Registered] = {}
_rubrics: dict[str, Mapping[str, Any]] = {}


def register(
    kind: str, function: Callable[..., Any], *, version: str | None = None, low: float = 0.0, high: float = 1.0
) -> str:
    """Register a function under its name, in place of an earlier one, and return `python:NAME`.

    The version is by default a digest of the function's source text; functions that it calls are not covered. Raises
    InputError if the source is not known, as for functions that were typed into the interpreter, or if it has no name.
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise InputError(f"{function!r} has no name", where=f"rlaif.{kind}", fix="Write it with `def`.")
    _known[kind, name] = Registered(name, function, version or _digest(function, kind), low, high, version)
    return PREFIX + name


def _digest(function: Callable[..., Any], kind: str) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise InputError(
            f"the source of {getattr(function, '__name__', function)!r} is not known, so that changes cannot be detected",
            where=f"rlaif.{kind}",
            fix=f'Give it a version, and change that when the function changes: @rlaif.{kind}(version="1").',
        ) from None
    return hashlib.blake2b(source.encode(), digest_size=8).hexdigest()


def reference(kind: str, function: Callable[..., Any]) -> str:
    """Return the `python:NAME` of a function, and register it if it is not yet. Raises InputError, as `register` does."""
    found = _known.get((kind, getattr(function, "__name__", "")))
    return PREFIX + found.name if found and found.function is function else register(kind, function)


def register_rubric(data: Mapping[str, Any]) -> str:
    """Register a rubric, given as in a file, under its name; return `python:NAME`."""
    name = str(data.get("name", "rubric"))
    _rubrics[name] = data
    return PREFIX + name


def rubric(reference: str, where: str = "") -> Mapping[str, Any]:
    """Return the rubric that `python:NAME` means; for a check, one with this criterion. Raises InputError (at `where`)."""
    name = reference.removeprefix(PREFIX)
    if name in _rubrics:
        return _rubrics[name]
    get("check", reference, where)
    criterion = {"name": name.lower().strip("_"), "kind": "check", "function": reference}
    return {"name": name, "criteria": [criterion]}


def is_reference(name: str | None) -> bool:
    """Return whether a name in a pipeline means a registered function."""
    return name is not None and name.startswith(PREFIX)


def get(kind: str, reference: str, where: str = "") -> Registered:
    """Return the function that `python:NAME` means. Raises InputError (at `where`) if none is registered."""
    name, found = reference.removeprefix(PREFIX), known(kind, reference)
    if found is None:
        others = ", ".join(other for what, other in _known if what == kind) or "none"
        raise InputError(
            f"no Python function is registered as {kind} {name!r}",
            where=where,
            fix=f"Register it in Python with @rlaif.{kind} and run the pipeline there. Registered: {others}.",
        )
    return found


def known(kind: str, reference: str) -> Registered | None:
    """Return the function that `python:NAME` means; None if it is another name, or if none is registered."""
    return _known.get((kind, reference.removeprefix(PREFIX))) if is_reference(reference) else None


async def call(function: Callable[..., Any], limit: float, *arguments: Any, **options: Any) -> Any:
    """Call a function, which may be `async`, and return its result. Raises TimeoutError after `limit` seconds.

    A plain function runs in a thread, which cannot be ended: it goes on after the time limit, and its result is ignored.
    """
    if inspect.iscoroutinefunction(function):
        return await asyncio.wait_for(function(*arguments, **options), limit)
    return await asyncio.wait_for(asyncio.to_thread(function, *arguments, **options), limit)
