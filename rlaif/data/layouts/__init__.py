"""The layouts of public data sets, one SQL file each.

A layout reads the raw rows from `source`, whose columns are all JSON, and returns one row per raw row with the columns in
`RESULT`. Its first comment states the data set, the columns and how labels are coded. `error` is the reason to drop a row.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError

FOLDER = Path(__file__).parent
# The columns that a layout or a query may return.
RESULT = (
    *("prompt", "system", "document", "reference", "tools", "responses", "generators"),
    *("scores", "preferences", "metadata", "error"),
)
_HEAD = re.compile(r"-- (card|columns|optional|absent|types|keys|labels): (.*)")
# JSON types by their names in the `types` comment.
_TYPES = {"text": "VARCHAR", "list": "ARRAY", "object": "OBJECT"}


@dataclass(frozen=True)
class Layout:
    """One layout. A column may have several names, of which the first is the one in the SQL."""

    name: str
    title: str
    card: str
    sql: str
    columns: tuple[tuple[str, ...], ...]
    optional: tuple[tuple[str, ...], ...]
    absent: frozenset[str]
    types: dict[str, str]
    keys: tuple[str, ...]

    def missing(self, known: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the needed columns that are not among the known ones."""
        names = set(known)
        return [names_of for names_of in self.columns if not names.intersection(names_of)]

    def type_error(self) -> str:
        """Return the SQL expression for why a row's columns have other types than the layout's; null if they do not."""
        cases = " ".join(
            f"WHEN json_type(\"{column}\") IS DISTINCT FROM '{_TYPES[kind]}' THEN 'no {kind} in column ''{column}'''"
            for column, kind in self.types.items()
        )
        return f"CASE {cases} END" if cases else "NULL"


@cache
def names() -> tuple[str, ...]:
    """Return the names of the shipped layouts."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.sql") if path.stem != "prelude"))


@cache
def load(name: str) -> Layout:
    """Return a shipped layout. Raises InputError if there is none of this name."""
    if name not in names():
        raise InputError(f"unknown layout {name!r}", fix=did_you_mean(name, names()))
    text = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    head = {match[1]: match[2] for match in _HEAD.finditer(text)}
    keys = head.get("keys", "").split()
    return Layout(
        name,
        text.splitlines()[0].removeprefix("-- ").rstrip("."),
        head["card"],
        text,
        _columns(head["columns"]),
        _columns(head.get("optional", "")),
        frozenset(each for names_of in _columns(head.get("absent", "")) for each in names_of),
        dict(pair.split() for pair in head.get("types", "").split(",") if pair.strip()),
        tuple(keys),
    )


@cache
def prelude() -> str:
    """Return the SQL that defines the functions which layouts and queries may use."""
    return (FOLDER / "prelude.sql").read_text(encoding="utf-8")


def _columns(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(each.strip().split("|")) for each in text.split(",") if each.strip())
