"""Read YAML files as plain data with line numbers, so that errors can name the line.

The reader is stricter than YAML 1.1: it refuses duplicate keys, reads `5e-6` as a number, and accepts only plain tags. Size,
depth, number of values (aliases included) and integers are bounded, so that a malicious file is refused in well under a
second.
"""

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from rlaif.core.errors import InputError

Place = tuple[str | int, ...]

# The shipped files have 5 kB, 6 levels and 200 values at most.
MAX_BYTES: Final = 250_000
MAX_DEPTH: Final = 50
MAX_VALUES: Final = 10_000
# Larger integers fit neither the store nor JSON, and Python takes quadratic time to read them.
MAX_DIGITS: Final = 40
MAX_INTEGER: Final = 2**63
_INTEGER: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_MERGE: Final = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class YamlFile:
    """The data of one file, and the line number (from 1) of each place in it."""

    path: Path
    data: dict[str, Any]
    lines: dict[Place, int]

    def where(self, place: Iterable[str | int] = ()) -> str:
        """Return `file:line key.subkey`, with the line of the deepest part of `place` that exists in the file."""
        place = tuple(place)
        dotted = ".".join(str(part) for part in place)
        depth = len(place)
        while depth and place[:depth] not in self.lines:
            depth -= 1
        return f"{self.path}:{self.lines.get(place[:depth], 1)} {dotted}".rstrip()


class _RefusedError(Exception):
    """The file uses something that YAML allows and rlaif does not, on this line (from 0)."""

    def __init__(self, what: str, line: int, fix: str = "", place: Place = ()) -> None:
        self.what, self.line, self.fix, self.place = what, line, fix, place
        super().__init__(what)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with bounds, and with floats as people write them (5e-6 is a number)."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        line = self.peek_event().start_mark.line  # type: ignore[no-untyped-call]
        if self._depth > MAX_DEPTH:
            raise _RefusedError(f"nested more than {MAX_DEPTH} levels deep", line)
        self._values += 1
        if self._values > MAX_VALUES:
            raise _RefusedError(f"more than {MAX_VALUES:,} values", line)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag not in ("tag:yaml.org,2002:timestamp",)]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_FLOAT, re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789."))


def read_yaml(path: Path) -> YamlFile:
    """Read the mapping in a YAML file. Raises InputError with file and line for anything else."""
    text = _text(path)
    try:
        lines: dict[Place, int] = {}
        data = _data(text, lines)
    except _RefusedError as error:
        dotted = ".".join(map(str, error.place))
        raise InputError(error.what, where=f"{path}:{error.line + 1} {dotted}".rstrip(), fix=error.fix) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"not YAML: {error.problem}", where=f"{path}:{line}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(
            f"not YAML: the character {chr(error.character)!r} is not allowed", where=f"{path}:{line}"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"not YAML: {error}", where=str(path)) from None
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise InputError("must be a mapping of keys to values", where=f"{path}:1")
    return YamlFile(path, data, lines)


def _text(path: Path) -> str:
    try:
        # Reading a device or a pipe may never end.
        if path.exists() and not path.is_file():
            raise InputError("this is not a file", where=str(path), fix="Name a YAML file.")
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"more than {MAX_BYTES:,} bytes, which no pipeline or rubric needs", where=str(path))
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", where=str(path), fix=_near_files(path)) from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=str(path)) from None


def parse_value(text: str, where: str) -> Any:
    """Parse one value as in a file: a number, a string, a list or a mapping. Empty text is null."""
    if len(text) > MAX_BYTES:
        raise InputError(f"more than {MAX_BYTES:,} characters", where=where[:100])
    try:
        return _data(text, {})
    except _RefusedError as error:
        raise InputError(error.what, where=where[:200], fix=error.fix) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"not a value: {str(error).splitlines()[0]}", where=where[:200]) from None


def _data(text: str, lines: dict[Place, int]) -> Any:
    """Return the plain data of a text and add the line of each place to `lines`."""
    node = yaml.compose(text, Loader=_Loader)
    return None if node is None else _Reader(lines).plain(node, ())


class _Reader:
    """Converts nodes into data and counts the values, including those that aliases repeat."""

    def __init__(self, lines: dict[Place, int]) -> None:
        self._lines, self._values = lines, 0

    def plain(self, node: yaml.Node, place: Place) -> Any:
        line = node.start_mark.line
        self._values += 1
        if self._values > MAX_VALUES or len(place) > MAX_DEPTH:
            # The loader has already checked the file without aliases, so aliases are the reason.
            raise _RefusedError("aliases repeat too much", line, "Write the values out.", place[:3])
        self._lines.setdefault(place, line + 1)
        if node.tag not in _TAGS:
            raise _RefusedError(f"the tag {node.tag[:60]!r} is not supported", line, "Leave it out.", place)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(item, (*place, index)) for index, item in enumerate(node.value)]
        return _scalar(node, line, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line
            if not isinstance(key_node, yaml.ScalarNode):
                raise _RefusedError("a key must be a word, not a list or a mapping", line, place=place)
            if key_node.tag == _MERGE:
                raise _RefusedError("merge keys (<<) are not supported", line, "Write the values out.", place)
            name = str(key_node.value)
            if name in mapping:
                raise _RefusedError("given twice", line, "Keep one of the two.", (*place, name))
            self._lines[(*place, name)] = line + 1
            mapping[name] = self.plain(value_node, (*place, name))
        return mapping


def _scalar(node: yaml.Node, line: int, place: Place) -> Any:
    if node.tag == _INTEGER and len(node.value) > MAX_DIGITS:
        raise _RefusedError("an integer of more than 64 bits", line, "Write a smaller number, or quote it.", place)
    try:
        value = _Loader("").construct_object(node)
    except (ValueError, OverflowError, KeyError) as error:
        raise _RefusedError(f"not a value: {error}", line, place=place) from None
    if isinstance(value, int) and not -MAX_INTEGER <= value < MAX_INTEGER:
        raise _RefusedError("an integer of more than 64 bits", line, "Write a smaller number, or quote it.", place)
    if isinstance(value, float) and not math.isfinite(value):
        raise _RefusedError("a number must be finite", line, "Write a number, or leave the key out for no bound.", place)
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint for a misspelled word: the closest known word, or else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word[:100], names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known: {', '.join(names)}." if names else ""


def _near_files(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"The folder {folder} does not exist either."
    try:
        return did_you_mean(path.name, [item.name for item in folder.iterdir() if item.suffix == path.suffix])
    except OSError:
        return ""
