"""Validate the data of a YAML file as a pydantic model, with errors that name the line and suggest a fix."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from rlaif.config.yaml import Place, YamlFile, did_you_mean
from rlaif.core.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


def validate(model: type[M], file: YamlFile) -> M:
    """Validate the file's data as `model`. Raises InputError for the first mistake, with its line and a suggestion."""
    try:
        return model.model_validate(file.data)
    except ValidationError as error:
        first = _first(error.errors(include_url=False))
        place = _place(first["loc"], file.data, missing=first["type"] == "missing")
        if first["type"] == "extra_forbidden":
            fix = did_you_mean(str(place[-1]), _known_keys(model, place[:-1]))
            raise InputError(f"unknown key {place[-1]!r}", where=file.where(place), fix=fix) from None
        what, fix = _explained(first, file.data, place)
        raise InputError(what, where=file.where(place), fix=fix) from None


def _explained(error: "ErrorDetails", data: Any, place: Place) -> tuple[str, str]:
    """Return what is wrong at a place and how to fix it, for an error of pydantic other than an unknown key."""
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        key = str(context["discriminator"]).strip("'")
        return f"unknown {key} {context['tag']!r}", did_you_mean(str(context["tag"]), _quoted(context["expected_tags"]))
    if error["type"] == "union_tag_not_found":
        key = str(context["discriminator"]).strip("'")
        return f"no `{key}` is given", _near_sibling(data, place)
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        return message, _near(error["input"], _quoted(context["expected"]))
    # Often, the name of the mapping is misspelled in an override.
    return message, _near_sibling(data, place[:-1]) if error["type"] == "missing" else ""


def _first(errors: "list[ErrorDetails]") -> "ErrorDetails":
    """Return the first error, but an unknown key rather than the missing one that it may be a misspelling of."""
    first = errors[0]
    beside = [each for each in errors if each["type"] == "extra_forbidden" and each["loc"][:-1] == first["loc"][:-1]]
    return beside[0] if beside and first["type"] == "missing" else first


def _near_sibling(data: Any, place: Place) -> str:
    """Return a hint if the key at this place is like another one beside it."""
    beside = _value(data, place[:-1]) if place else None
    return _near(str(place[-1]), [name for name in beside if name != place[-1]]) if isinstance(beside, dict) else ""


def _near(word: str, known: Iterable[str]) -> str:
    """Return a hint if a word is like a known one."""
    hint = did_you_mean(word, known)
    return hint if hint.startswith("Did") else ""


def _quoted(words: str) -> list[str]:
    return re.findall(r"'([^']*)'", words)


def _value(data: Any, place: Place) -> Any:
    """Return the value at a place of the file's data; None if it has none."""
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _place(location: Place, data: Any, *, missing: bool) -> Place:
    """Return the part of pydantic's location that the user wrote, plus the last key if it is `missing`.

    pydantic's locations also contain branches of unions, which are left out.
    """
    place: list[str | int] = []
    for part in location:
        written = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if written:
            place.append(part)
            data = data[part]
    return (*place, *location[-1:]) if missing else tuple(place)


def _known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """Return the keys that are allowed at `place`, by walking the model's JSON Schema."""
    schema = model.model_json_schema()
    nodes = [schema]
    for part in place:
        nodes = [child for node in nodes for child in _step(_resolve(node, schema), part, schema)]
    return sorted({name for node in nodes for option in _options(node, schema) for name in option.get("properties", ())})


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    return node


def _options(node: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    node = _resolve(node, schema)
    branches = node.get("anyOf", []) + node.get("oneOf", [])
    return [option for branch in branches for option in _options(branch, schema)] if branches else [node]


def _step(node: dict[str, Any], part: str | int, schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for option in _options(node, schema):
        if isinstance(part, int):
            found.append(option.get("items", {}))
        elif part in option.get("properties", {}):
            found.append(option["properties"][part])
        elif isinstance(option.get("additionalProperties"), dict):
            found.append(option["additionalProperties"])
    return [child for child in found if child]
