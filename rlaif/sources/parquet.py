"""Rows of Parquet files."""

from collections.abc import Iterator
from pathlib import Path

from rlaif.errors import InputError
from rlaif.sources.origin import BATCH, Origin, Row, numbered


def rows(path: Path, origin: Origin) -> Iterator[Row]:
    """The rows, with the needed columns only."""
    return origin.limited(_rows(path, origin))


def _rows(path: Path, origin: Origin) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            columns = origin.check(file.schema_arrow.names)
            batches = file.iter_batches(BATCH, columns=columns)
            yield from numbered(str(path), (row for batch in batches for row in batch.to_pylist()))
    # Text that is not UTF-8 or a date that Python cannot hold is a ValueError.
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        message = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"not Parquet that can be read: {message}", where=str(path)) from None
