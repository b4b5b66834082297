"""Rows of a table or view in a DuckDB file."""

from collections.abc import Iterator
from pathlib import Path

from rlaif.errors import InputError
from rlaif.sources.origin import BATCH, Origin, Row, numbered, shown
from rlaif.sources.parquet import plain
from rlaif.yaml_file import did_you_mean


def rows(path: Path, origin: Origin) -> Iterator[Row]:
    """The rows, with the needed columns only. The file is opened for reading."""
    return origin.limited(_rows(path, origin))


def _rows(path: Path, origin: Origin) -> Iterator[Row]:
    import duckdb

    from rlaif.store import check_path, sql

    check_path(path)
    try:
        with duckdb.connect(path, read_only=True) as connection:
            tables = [str(row[0]) for row in connection.execute(sql("collect/tables")).fetchall()]
            name = origin.source.table
            if name not in tables:
                what = f"no table {name!r} in {path.name}" if name else f"{path.name} needs a `table`"
                raise InputError(what, where=origin.where("table"), fix=did_you_mean(name or "", tables))
            table = connection.table('"{}"'.format(name.replace('"', '""')))
            columns = origin.check(table.columns)
            reader = table.select(*map(duckdb.ColumnExpression, columns)).to_arrow_reader(BATCH)
            yield from numbered(f"{shown(path)}#{name}", (row for batch in reader for row in plain(batch)))
    except duckdb.Error as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", where=shown(path)) from None
