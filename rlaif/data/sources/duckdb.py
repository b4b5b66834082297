"""Reads rows of a table or view in a DuckDB file."""

from collections.abc import Iterator
from pathlib import Path

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.data.sources.parquet import plain
from rlaif.data.sources.source import BATCH, Origin, Row, Wanted, numbered, shown

TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name"


def rows(path: Path, origin: Origin, wanted: Wanted) -> Iterator[Row]:
    """Yield the rows with the needed columns only. The file is opened read-only and cannot access other files."""
    return wanted.limited(_rows(path, origin, wanted))


def _rows(path: Path, origin: Origin, wanted: Wanted) -> Iterator[Row]:
    import duckdb

    from rlaif.store import confined
    from rlaif.store.store import check_path

    check_path(path)
    file = path.resolve()
    try:
        if reason := confined.not_duckdb(file):
            raise InputError(f"cannot be read: {reason}", where=str(path))
        with confined.connect([file]) as connection:
            connection.execute(f"ATTACH {confined.quoted(file)} AS source (READ_ONLY)")
            connection.execute("USE source")
            confined.lock(connection)
            listed = connection.execute(TABLES).fetchall()
            tables = [str(row[0]) for row in listed]
            name = origin.source.table
            if name not in tables:
                what = f"no table {name!r} in {path.name}" if name else f"{path.name} needs a `table`"
                raise InputError(what, where=origin.where("table"), fix=did_you_mean(name or "", tables))
            table = connection.sql('FROM source.main."{}"'.format(name.replace('"', '""')))
            columns = wanted.check(table.columns)
            reader = table.select(*map(duckdb.ColumnExpression, columns)).to_arrow_reader(BATCH)
            yield from numbered(f"{shown(path)}#{name}", (row for batch in reader for row in plain(batch)))
    except (duckdb.Error, ValueError) as error:
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"cannot be read: {message}", where=shown(path), fix=_fix(message)) from None


def _fix(message: str) -> str:
    if "disabled by configuration" in message or "disabled through configuration" in message:
        return "It reads other files or extensions, which rlaif does not allow. Copy its rows into a plain table."
    return ""
