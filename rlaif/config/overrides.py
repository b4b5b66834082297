"""Apply overrides of a pipeline file from the command line: `--set section.key=value`."""

from typing import Any

from rlaif.config.yaml import MAX_DEPTH, parse_value
from rlaif.core.errors import InputError


def apply(data: dict[str, Any], override: str) -> None:
    """Set the value in the data at its dotted path. Raises InputError if the path does not exist."""
    where = f"--set {override[:200]}"
    dotted, equals, text = override.partition("=")
    path = dotted.strip().split(".")
    if not equals or not all(path):
        raise InputError(f"{override[:200]!r} is not an override", where="--set", fix="Write --set section.key=value.")
    if len(path) > MAX_DEPTH:
        raise InputError(f"nested more than {MAX_DEPTH} levels deep", where=where)
    value = parse_value(text, where)
    node: Any = data
    for part in path[:-1]:
        inner: Any = {}
        node = node[_index(node, part, where)] if isinstance(node, list) else node.setdefault(part, inner)
        if not isinstance(node, dict | list):
            raise InputError(f"{part!r} is a value, not a section", where=where)
    last = path[-1]
    node[_index(node, last, where) if isinstance(node, list) else last] = value


def _index(items: list[Any], part: str, where: str) -> int:
    if not (part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(items)):
        raise InputError(f"{part!r} is not a position in a list of {len(items)}", where=where, fix="Positions count from 0.")
    return int(part)
