"""Describes an export for another training project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class UnreadableRowError(Exception):
    """A row that the project cannot read; the message is the reason, in the plural, for counting."""


@dataclass(frozen=True)
class Target:
    """How a project reads data: the form to start from, the kind of file, and the row in its layout.

    `row` raises UnreadableRowError for a row that the project cannot read. `config` returns the text of each config file by
    name, given the data file of each split.
    """

    form: str
    suffix: str
    row: Callable[[Row], Row]
    config: Callable[[Mapping[str, Path]], Mapping[str, str]]


def without_tools(row: Row, project: str) -> Row:
    """Return the row without `tools`. Raises UnreadableRowError if its conversation uses tools."""
    turns = [turn for name in ("prompt", "chosen", "rejected", "completion") for turn in row.get(name, [])]
    if row.get("tools") or any(turn["role"] == "tool" or turn.get("tool_calls") for turn in turns):
        raise UnreadableRowError(f"conversations with tools, which {project} does not read")
    return {name: value for name, value in row.items() if name != "tools"}


def as_yaml(comment: str, settings: Mapping[str, Any]) -> str:
    """Return the settings as YAML after a comment."""
    import yaml

    lines = "".join(f"# {line}\n" for line in comment.splitlines())
    return lines + yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=120)
