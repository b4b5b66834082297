"""Reads rows through a layout or a query: SQL over the raw rows, in a connection without access to any file.

A layout maps each row by itself, so rows are read in batches and keep their locations. A query may group and join rows, so
it reads a table of all rows, which DuckDB keeps in a temporary folder if it does not fit in memory.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.data.layouts import RESULT, Layout, prelude
from rlaif.data.sources.messages import plain_value
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.source import BATCH, Row

# The memory that a query over all rows may use before DuckDB writes to its temporary folder.
MEMORY = "600MB"
_KINDS: dict[type, str] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_SHOWN = 60


class Needed:
    """Requests the columns that a layout names, and checks that they exist."""

    def __init__(self, layout: Layout | None, where: str, *, every: bool = False) -> None:
        self.layout, self.where, self.every = layout, where, every

    def check(self, known: Iterable[str]) -> list[str]:
        """Return the columns to read. Raises InputError if the layout needs one that does not exist."""
        have = list(known)
        if self.layout is None:
            return have
        for names in self.layout.missing(have):
            raise InputError(
                f"layout {self.layout.name!r} needs the column {' or '.join(map(repr, names))}",
                where=self.where,
                fix=f"{did_you_mean(names[0], have)} `rlaif collect --guess FILE` finds the layout of a file.".strip(),
            )
        if self.every:
            return have
        wanted = {name for names in (*self.layout.columns, *self.layout.optional) for name in names}
        return [name for name in have if name in wanted]

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield the rows; check the columns of the first batch, which is enough to find a wrong layout immediately."""
        first = list(islice(rows, BATCH))
        seen = {name: None for _, row in first if not isinstance(row, RowError) for name in row}
        if seen:
            self.check(seen)
        yield from first
        yield from rows

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows


def by_layout(rows: Iterator[Row], layout: Layout) -> Iterator[Row]:
    """Yield the rows as the layout returns them: dictionaries with the columns in `RESULT`."""
    query = f"WITH source AS MATERIALIZED ({_extracted(layout)}) {_numbered(layout.sql, layout.type_error())}"
    # A thread runs the query on a batch while the caller works on the rows of the batch before.
    with _connection() as connection, ThreadPoolExecutor(1) as pool:
        ahead: Future[list[Row]] | None = None
        for batch in _batches(rows):
            before, ahead = ahead, pool.submit(_mapped, connection, batch, query)
            yield from before.result() if before else ()
        yield from ahead.result() if ahead else ()


def _extracted(layout: Layout) -> str:
    """Return the query that splits the JSON rows of `lines` into the layout's columns."""
    columns = (*layout.columns, *layout.optional)
    every = [name for names in columns for name in names]
    paths = ", ".join(f"'$.{json.dumps(name)}'" for name in every)
    listed = ", ".join(
        f'coalesce({", ".join(f"found[{every.index(name) + 1}]" for name in names)}) AS "{names[0]}"' for names in columns
    )
    return f"SELECT place, {listed} FROM (SELECT place, json_extract(line, [{paths}]) AS found FROM lines)"


def _numbered(sql: str, type_error: str) -> str:
    """Return a layout's query with the row's number and the check of its types added."""
    body = re.sub(
        r"^SELECT\b", lambda _: f'SELECT place AS "#", {type_error} AS "#types",', sql, count=1, flags=re.MULTILINE
    )
    return f'SELECT "#", "#types", to_json(q) FROM (\n{body}\n) AS q'


def _mapped(connection: Any, batch: Sequence[Row], sql: str) -> list[Row]:
    _offer(connection, batch)
    read = {place: RowError(types) if types else line for place, types, line in connection.execute(sql).fetchall()}
    return [(at, row if isinstance(row, RowError) else _row(read[place])) for place, (at, row) in enumerate(batch)]


def _row(line: str | RowError) -> dict[str, Any] | RowError:
    """Return a row that a query returned as JSON. Its column `error` says why it cannot be used."""
    if isinstance(line, RowError):
        return line
    row: dict[str, Any] = orjson.loads(line)
    error = row.get("error")
    if error:
        reason, _, detail = str(error).partition(": ")
        return RowError(reason, detail=detail[:_SHOWN])
    return row


def _offer(connection: Any, batch: Sequence[Row]) -> None:
    """Make the batch the view `lines` of the connection."""
    import pyarrow

    good = [(place, line_of(row)) for place, (_, row) in enumerate(batch) if not isinstance(row, RowError)]
    table = pyarrow.table(
        {
            "place": pyarrow.array([place for place, _ in good], pyarrow.int64()),
            "line": pyarrow.array([line for _, line in good], pyarrow.large_string()),
        }
    )
    connection.register("lines", table)


def line_of(row: Any) -> str:
    """Return a row as JSON. Numbers that JSON lacks become null, and values of other types become text."""
    try:
        return orjson.dumps(row, default=_text).decode()
    except (TypeError, ValueError, RecursionError):
        try:
            return orjson.dumps(plain_value(row)).decode()
        except (TypeError, ValueError, RecursionError):
            return "{}"


def _text(value: Any) -> Any:
    return None if isinstance(value, bytes | memoryview) else str(value)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def kinds_of(rows: Iterable[Any]) -> dict[str, str]:
    """Return the SQL type of each column in these rows: that of its values if they are alike, otherwise JSON."""
    found: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            kinds = found.setdefault(name, set())
            if value is not None:
                kinds.add(_KINDS.get(type(value), "JSON"))
    return {
        name: next(iter(kinds)) if len(kinds) == 1 else "DOUBLE" if kinds == {"BIGINT", "DOUBLE"} else "JSON"
        for name, kinds in found.items()
    }


def filtered(rows: Iterator[Row], condition: str, where: str) -> Iterator[Row]:
    """Yield the rows for which the SQL condition is true, and those that cannot be read. Raises InputError."""
    kinds: dict[str, str] | None = None
    with _connection() as connection:
        for batch in _batches(rows):
            good = [row for _, row in batch if not isinstance(row, RowError)]
            kinds = kinds if kinds is not None else kinds_of(good)
            checked = [(at, _fitting(row, kinds, condition)) for at, row in batch]
            _offer(connection, checked)
            query = f"WITH source AS ({_typed(kinds, 'lines')}) SELECT place FROM source WHERE (\n{condition}\n)"
            kept = {place for (place,) in _run(connection, query, where)}
            for place, (at, row) in enumerate(checked):
                if place in kept or isinstance(row, RowError):
                    yield at, row


def by_query(rows: Iterator[Row], sql: str, name: str, where: str) -> Iterator[Row]:
    """Yield the rows that a query returns over the table `source` of all rows. Raises InputError."""
    with TemporaryDirectory(prefix="rlaif-query-") as folder, _connection(Path(folder)) as connection:
        connection.execute("CREATE TABLE raw (place BIGINT, location VARCHAR, line VARCHAR)")
        kinds: dict[str, str] | None = None
        for batch in _batches(rows):
            good = [row for _, row in batch if not isinstance(row, RowError)]
            kinds = kinds if kinds is not None else kinds_of(good)
            checked = [(at, _fitting(row, kinds, sql)) for at, row in batch]
            yield from ((at, row) for at, row in checked if isinstance(row, RowError))
            _append(connection, checked)
        if not kinds:
            return
        connection.execute(f"CREATE VIEW source AS {_typed(kinds, 'raw', 'location')}")
        query = _single(connection, sql, where)
        columns = [each[0] for each in _run(connection, f"DESCRIBE SELECT * FROM (\n{query}\n)", where)]
        _check_result(columns, where)
        place = "location" if "location" in columns else "NULL"
        cursor = connection.execute(f"SELECT {place}, to_json(q) FROM (\n{query}\n) AS q")
        number = 0
        while found := cursor.fetchmany(BATCH):
            for location, line in found:
                number += 1
                yield location or f"{name}:{number}", _row(line)


def _append(connection: Any, batch: Sequence[Row]) -> None:
    _offer(connection, batch)
    import pyarrow

    places = pyarrow.table(
        {"number": pyarrow.array(range(len(batch)), pyarrow.int64()), "location": [at for at, _ in batch]}
    )
    connection.register("locations", places)
    connection.execute("INSERT INTO raw SELECT place, location, line FROM lines JOIN locations ON place = number")


def _fitting(row: Any, kinds: dict[str, str], sql: str) -> Any:
    """Return the row, or a RowError if a column that the SQL names holds a value of another type than in the first rows."""
    if isinstance(row, RowError):
        return row
    for name, kind in kinds.items():
        value = row.get(name)
        if kind == "JSON" or value is None or name not in sql:
            continue
        have = _KINDS.get(type(value), "JSON")
        if have != kind and not (kind == "DOUBLE" and have == "BIGINT"):
            return RowError("a value of another type than in the first rows", name, str(value)[:_SHOWN])
    return row


def _typed(kinds: dict[str, str], table: str, *more: str) -> str:
    """Return a query that gives the JSON rows of a table typed columns."""
    columns = [name for name in ("place", *more) if name not in kinds]
    for name, kind in kinds.items():
        path = "'" + f"$.{json.dumps(name, ensure_ascii=False)}".replace("'", "''") + "'"
        value = f"json_extract(line, {path})" if kind == "JSON" else f"(line::JSON ->> {path})::{kind}"
        columns.append(f'{value} AS "{name.replace(chr(34), chr(34) * 2)}"')
    return f"SELECT {', '.join(columns)} FROM {table}"


def _single(connection: Any, sql: str, where: str) -> str:
    import duckdb

    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise InputError(f"not a query: {_first(error)}", where=where) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise InputError("the file must hold one SELECT statement", where=where)
    return sql.strip().rstrip(";").rstrip()


def _check_result(columns: Sequence[str], where: str) -> None:
    for name in columns:
        if name not in (*RESULT, "location"):
            raise InputError(
                f"the query returns an unknown column {name!r}",
                where=where,
                fix=f"{did_you_mean(name, RESULT)} Columns to keep go into `metadata`: {{'topic': topic}} AS metadata.",
            )
    if "prompt" not in columns:
        raise InputError("the query returns no column 'prompt'", where=where, fix="Name one: SELECT question AS prompt, …")


def _run(connection: Any, sql: str, where: str) -> list[Any]:
    import duckdb

    try:
        return list(connection.execute(sql).fetchall())
    except duckdb.Error as error:
        raise InputError(f"DuckDB rejects it: {_first(error)}", where=where) from None


def _first(error: Exception) -> str:
    return next((re.sub(r"\s+", " ", line) for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _connection(spill: Path | None = None) -> Any:
    from rlaif.store import confined

    connection = confined.connect(spill=spill.resolve() if spill else None)
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute(prelude())
    confined.lock(connection)
    return connection
