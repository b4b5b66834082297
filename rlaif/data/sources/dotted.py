"""Reads columns given as dotted paths: completions.response is the field of an object, or of every object in a list."""

from collections.abc import Iterator, Mapping
from typing import Any

from rlaif.core.errors import InputError
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.source import Origin, Row


def with_paths(rows: Iterator[Row], origin: Origin) -> Iterator[Row]:
    """Yield the rows with a column for each dotted path of the source. Raises InputError if no row has such a path."""
    columns = {name: place for name, place in origin.columns().items() if "." in name}
    if not columns:
        yield from rows
        return
    unseen, some = set(columns), False
    for at, row in rows:
        if isinstance(row, RowError):
            yield at, row
            continue
        some, added = True, {}
        for name in columns:
            if name in row:
                unseen.discard(name)
                continue
            found, value = resolve(row, name)
            added[name] = value
            if found:
                unseen.discard(name)
        yield at, {**row, **added}
    for name in sorted(unseen) if some else ():
        raise InputError(
            f"no row has {name!r}",
            where=origin.where(*columns[name]),
            fix="A dotted path names the fields of objects, from the outside in.",
        )


def resolve(value: Any, path: str) -> tuple[bool, Any]:
    """Return whether the path leads to a field, and its value; in a list, the values of all its objects."""
    if not path:
        return True, value
    if isinstance(value, list | tuple):
        found = [resolve(item, path) for item in value]
        return any(each for each, _ in found), [each for _, each in found]
    if not isinstance(value, Mapping):
        return False, None
    head, _, rest = path.partition(".")
    while head not in value and rest:
        more, _, rest = rest.partition(".")
        head = f"{head}.{more}"
    return resolve(value[head], rest) if head in value else (False, None)
