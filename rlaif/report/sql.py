"""Runs the user's SQL on a store: one read-only statement without access to anything outside the store."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import duckdb

from rlaif.core.errors import InputError
from rlaif.core.text import visible
from rlaif.store.store import Row, Store

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

# Minimum width in characters for a column of long texts.
MOST: Final = 24


def query(store: Store, text: str, /, **parameters: Any) -> list[Row]:
    """Run a statement over the tables of `schema.sql` and the views of `views.sql`, and return its rows.

    The store must be open read-only. Its connection cannot open other files, load extensions or, after this call, change
    settings. Columns with the same name get a number. Raises InputError if DuckDB rejects the statement.
    """
    with _as_input_error(text):
        lock_settings(store)
        return store.rows(_as_subquery(text), **parameters)


def lock_settings(store: Store) -> None:
    """Lock the settings before the user's SQL runs. DuckDB 1.5 cannot do it while `rlaif` needs one (see `confined`)."""
    if not store.rows("SELECT current_setting('lock_configuration') AS locked")[0]["locked"]:
        store.run("SET lock_configuration = true")


def relation(store: Store, text: str) -> duckdb.DuckDBPyRelation:
    """Return a statement as a relation of DuckDB, for SQL that this program's own user wrote. Raises InputError."""
    with _as_input_error(text):
        return store.relation(_as_subquery(text))


def _as_subquery(text: str) -> str:
    """Return a statement that is accepted only if `text` is read-only."""
    statement = text.strip().rstrip(";")
    if not statement:
        raise InputError("the statement is empty", where="sql", fix="For example: FROM pairs_readable LIMIT 5")
    # The line break ends a comment.
    return f"SELECT * FROM (\n{statement}\n)"


@contextmanager
def _as_input_error(text: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if others := [each for each in _statements(text) if each != "SELECT"]:
            raise InputError(
                f"the store is read only here, and {others[0]} is not a query",
                where="sql",
                fix="Write a query, such as FROM pairs_readable LIMIT 5. `--csv` and `rlaif export` write files.",
            ) from None
        message = re.sub(r"(?m)^LINE (\d+):", lambda line: f"LINE {int(line[1]) - 1}:", str(error))
        raise InputError(
            f"DuckDB rejects this: {message}", where="sql", fix="`FROM (SHOW ALL TABLES)` lists the tables and views."
        ) from None


def _statements(text: str) -> list[str]:
    """Return the kinds of the statements in a text, such as SELECT; empty if it cannot be parsed."""
    try:
        return [statement.type.name for statement in duckdb.extract_statements(text)]
    except duckdb.Error:
        return []


def as_csv(rows: Sequence[Row]) -> str:
    """Format the rows as CSV with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0] if rows else [])
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def render(rows: Sequence[Row], console: "Console") -> None:
    """Print the rows as a table, or one below the other if the columns would be too narrow.

    Texts are untrusted, so characters that could hide or move text are made visible.
    """
    if not rows:
        console.print("no rows")
        return
    names = [str(visible(name)) for name in rows[0]]
    cells = [[_shown(value) for value in row.values()] for row in rows]
    widths = [
        max(len(name), min(MOST, max(map(len, column))))
        for name, column in zip(names, zip(*cells, strict=True), strict=True)
    ]
    if sum(widths) + 3 * len(widths) + 1 <= console.width:
        console.print(_table(names, cells, rows[0]))
    else:
        console.print(_records(names, cells))


def _table(names: Sequence[str], cells: Sequence[Sequence[str]], first: Row) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name, value in zip(names, first.values(), strict=True):
        table.add_column(Text(name), justify="right" if isinstance(value, int | float) else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _records(names: Sequence[str], cells: Sequence[Sequence[str]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in cells:
        for name, cell in zip(names, row, strict=True):
            table.add_row(Text(name), Text(cell))
        table.add_row()
    return table


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(visible(value if value is None else str(value)))
