"""Reads rows of Parquet files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlaif.core.errors import InputError
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.source import BATCH, Row, Wanted, numbered, shown


def rows(path: Path, origin: Wanted) -> Iterator[Row]:
    """Yield the rows with the needed columns only."""
    return origin.limited(_rows(path, origin))


def _rows(path: Path, origin: Wanted) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        # Opened here, because pyarrow rejects paths that are not UTF-8, and may read key=value in a path as columns.
        with path.open("rb") as opened, pyarrow.parquet.ParquetFile(opened) as file:
            columns = origin.check(file.schema_arrow.names)
            batches = file.iter_batches(BATCH, columns=columns)
            yield from numbered(shown(path), (row for batch in batches for row in plain(batch)))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise InputError(f"not a Parquet file, or damaged: {error}", where=shown(path)) from None


def plain(batch: Any) -> list[dict[str, Any] | RowError]:
    """Convert the rows of an Arrow batch to Python values. A row that cannot be converted becomes a RowError."""
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError, ArithmeticError):
        # A value is not UTF-8, or a time that Python cannot represent.
        return [_row(batch.slice(place, 1)) for place in range(batch.num_rows)]


def _row(batch: Any) -> dict[str, Any] | RowError:
    row: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            row[name] = column[0].as_py()
        except UnicodeDecodeError:
            return RowError("text that is not UTF-8", name)
        except (ValueError, OverflowError, ArithmeticError) as error:
            return RowError("a value that cannot be read", name, str(error).splitlines()[0])
    return row
