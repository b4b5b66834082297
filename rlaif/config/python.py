"""Pipelines written in Python: sections as plain data, and changes as the overrides of the command line."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rlaif.config.yaml import Place, YamlFile
from rlaif.core import functions
from rlaif.core.errors import InputError


class PythonFile(YamlFile):
    """The sections of a pipeline that is not in a file. Its path is the one that the pipeline would have."""

    def where(self, place: Iterable[str | int] = ()) -> str:
        return f"Pipeline(…) {'.'.join(map(str, place))}".rstrip()


def plain(value: Any, place: Place = ()) -> Any:
    """Return sections as they would be in a file: objects as mappings, functions as `python:NAME`, rubrics by name.

    Raises InputError for objects that a file cannot contain.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", exclude_unset=True)
    if callable(value):
        return _reference(value, place)
    if len(place) == 3 and place[0] == "judges" and place[2] == "rubric" and isinstance(value, Mapping):
        return functions.register_rubric(plain(dict(value), ("judges",)))
    if isinstance(value, Mapping):
        return {str(name): plain(item, (*place, str(name))) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, (*place, number)) for number, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputError(f"{type(value).__name__} is not a value of a pipeline", where=".".join(map(str, place)))


def _reference(function: Any, place: Place) -> Any:
    kind = {"judges": "check", "collect": "source", "pair": "strategy"}.get(str(place[0]) if place else "")
    if kind is None:
        raise InputError("a function is not a value of this key", where=".".join(map(str, place)))
    name = functions.reference(kind, function)
    if len(place) == 2 and kind == "check":
        return {"rubric": name}
    return {"path": name} if len(place) == 3 and kind == "source" else name


def as_overrides(changes: Mapping[str, Any]) -> list[str]:
    """Return changes of sections as overrides: {"pair": {"min_margin": 20}} as "pair.min_margin=20"."""
    return list(_flat(plain(changes), ""))


def _flat(changes: Mapping[str, Any], prefix: str) -> Iterable[str]:
    for name, value in changes.items():
        # A name with a dot cannot be part of a dotted path, so the mapping that holds it is replaced as a whole.
        if isinstance(value, Mapping) and value and not any("." in key or "=" in key for key in value):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={json.dumps(value, ensure_ascii=False)}"
