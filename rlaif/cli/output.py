"""Prints the result of a command to stdout: as JSON for programs, or formatted for people."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from rlaif.core.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from rlaif.pairs.pairing import Pairing

T = TypeVar("T")


def show(found: T, render: "Callable[[T, Console], None]", as_json: bool) -> None:
    """Print a result as JSON, or rendered for the terminal."""
    print_json(found) if as_json else render(found, terminal())


def print_json(value: Any) -> None:
    """Print a value as JSON (see `plain`)."""
    # JSON escapes every other control character by itself.
    print(json.dumps(plain(value), indent=2).replace("\x7f", "\\u007f"))


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dataclasses become objects, and what JSON cannot express becomes text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def terminal() -> "Console":
    """The console on which people read results."""
    from rlaif.core.console import SafeConsole

    return SafeConsole()


def table(title: str, rows: list[dict[str, Any]]) -> Any:
    """Return a table with one column per key of the rows. Needs at least one row."""
    from rich.table import Table

    drawn = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        number = isinstance(value, int | float)
        # On a narrow terminal, names wrap and numbers are never cut.
        drawn.add_column(name.replace("_", "\n"), justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        drawn.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(visible(value)) for value in row.values()))
    return drawn


def render_pairing(pairing: "Pairing", console: "Console") -> None:
    """Print how many pairs there are, which judge scored them, and why some prompts have none."""
    rows: list[dict[str, Any]] = [{"outcome": name, "prompts": count} for name, count in pairing.outcomes.items()]
    # Not as the table's title, which would wrap in a narrow table.
    by = f"by {pairing.by}" if pairing.by else "without a judge"
    console.print(f"{pairing.pairs:,} pairs {by}, {pairing.strategy}", soft_wrap=True)
    if rows:
        console.print(table("", rows))
