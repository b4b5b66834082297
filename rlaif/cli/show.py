"""What a command found, on stdout: as JSON or for people."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

    from rlaif.stages.pair import Pairing

T = TypeVar("T")


def show(found: T, render: "Callable[[T, Console], None]", as_json: bool) -> None:
    """As JSON, or rendered for the terminal."""
    print_json(found) if as_json else render(found, terminal())


def print_json(value: Any) -> None:
    """Dataclasses as objects, and what JSON has no form for as text."""
    import dataclasses

    def plain(item: Any) -> Any:
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
        return str(item)

    print(json.dumps(value, default=plain, indent=2))


def terminal() -> "Console":
    """Where what people read is printed."""
    from rich.console import Console

    # Names and texts are the user's: brackets in them are no markup.
    return Console(highlight=False, markup=False)


def table(title: str, rows: list[dict[str, Any]]) -> Any:
    """Rows, at least one, with a column a key."""
    from rich.table import Table

    drawn = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        number = isinstance(value, int | float)
        # A narrow terminal folds names, and cuts no number.
        drawn.add_column(name.replace("_", "\n"), justify="right" if number else "left", no_wrap=number, overflow="fold")
    for row in rows:
        drawn.add_row(*(f"{value:,}" if isinstance(value, int | float) else str(value) for value in row.values()))
    return drawn


def render_pairing(pairing: "Pairing", console: "Console") -> None:
    """How many pairs there are, by whose scores, and why some prompts have none."""
    rows: list[dict[str, Any]] = [{"outcome": name, "prompts": count} for name, count in pairing.outcomes.items()]
    # No title of the table: it would be folded into a narrow one.
    console.print(f"{pairing.pairs:,} pairs by {pairing.by}, {pairing.strategy}", soft_wrap=True)
    console.print(table("", rows))
