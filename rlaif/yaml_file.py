"""YAML files as plain data that remembers its lines, so that an error can say where.

Stricter than YAML 1.1 where it hurts: a key given twice is refused, `5e-6` is a number, and only plain tags are read.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from rlaif.errors import InputError

Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

# An alias bomb is small on disk and huge in memory; nothing that a person writes here needs an alias.
MAX_BYTES = 4_000_000


@dataclass(frozen=True)
class YamlFile:
    """The data of one file, and the line (from 1) of each place in it."""

    path: Path
    data: dict[str, Any]
    lines: dict[Place, int]

    def where(self, place: Iterable[str | int] = ()) -> str:
        """`file:line key.subkey`, from the deepest part of `place` that the file has."""
        place = tuple(place)
        dotted = ".".join(str(part) for part in place)
        depth = len(place)
        while depth and place[:depth] not in self.lines:
            depth -= 1
        return f"{self.path}:{self.lines.get(place[:depth], 1)} {dotted}".rstrip()


class _Loader(yaml.SafeLoader):
    """The safe loader with a float that people write: 5e-6 is no string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in ("tag:yaml.org,2002:timestamp",)]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def read_yaml(path: Path) -> YamlFile:
    """The mapping in a YAML file. Raises InputError with file and line for anything that is not one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", where=str(path), fix=_near_files(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    if len(text) > MAX_BYTES:
        raise InputError(f"{len(text):,} characters, more than any pipeline or rubric needs", where=str(path))
    try:
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[Place, int] = {}
        data = {} if node is None else _plain(node, (), lines, path)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"not YAML: {error.problem}", where=f"{path}:{line}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"not YAML: {error}", where=str(path)) from None
    if not isinstance(data, dict):
        raise InputError("must be a mapping of keys to values", where=f"{path}:1")
    return YamlFile(path, data, lines)


def parse_value(text: str, where: str) -> Any:
    """One value as it would stand in a file: a number, a string, a list, a mapping. Empty text is null."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        return None if node is None else _plain(node, (), {}, Path(where))
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"not a value: {str(error).splitlines()[0]}", where=where) from None


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int], path: Path) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = str(key_node.value)
            if name in mapping:
                at = f"{path}:{key_node.start_mark.line + 1} {'.'.join(map(str, (*place, name)))}"
                raise InputError("given twice", where=at, fix="Keep one of the two.")
            lines[(*place, name)] = key_node.start_mark.line + 1
            mapping[name] = _plain(value_node, (*place, name), lines, path)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), lines, path) for index, item in enumerate(node.value)]
    return _Loader("").construct_object(node)


def validate(model: type[M], file: YamlFile) -> M:
    """The file's data as `model`; the first thing wrong becomes an InputError that names its line and what was meant."""
    try:
        return model.model_validate(file.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = _place(first["loc"], file.data, missing=first["type"] == "missing")
        if first["type"] == "extra_forbidden":
            fix = did_you_mean(str(place[-1]), _known_keys(model, place[:-1]))
            raise InputError(f"unknown key {place[-1]!r}", where=file.where(place), fix=fix) from None
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(message[:1].lower() + message[1:], where=file.where(place)) from None


def _place(location: Place, data: Any, *, missing: bool) -> Place:
    """The steps that the user wrote, and as the last one a key that is `missing`: pydantic also names branches of unions."""
    place: list[str | int] = []
    for part in location:
        written = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if written:
            place.append(part)
            data = data[part]
    return (*place, *location[-1:]) if missing else tuple(place)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: the nearest known one, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(names)}." if names else ""


def _known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that may stand at `place`, found by walking the model's JSON Schema."""
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


def _near_files(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"The folder {folder} does not exist either."
    return did_you_mean(path.name, [item.name for item in folder.iterdir() if item.suffix == path.suffix])
