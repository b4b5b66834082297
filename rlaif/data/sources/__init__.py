"""Streams rows of files, databases and datasets, each with its location.

`digest` shows without parsing whether a source may have changed; `rows` reads it. Sources are identified by their position
in `collect.sources`, so that errors can point at the line in the pipeline file.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from rlaif.config import Config
from rlaif.core.errors import InputError
from rlaif.data.sources import duckdb, hf, parquet, text_files
from rlaif.data.sources.source import Everything, Origin, Row, shown

FILES = {
    ".jsonl": text_files.jsonl,
    ".ndjson": text_files.jsonl,
    ".json": text_files.json_list,
    ".csv": text_files.csv,
    ".tsv": text_files.csv,
    ".parquet": parquet.rows,
}
READERS = {**FILES, ".duckdb": duckdb.rows, ".db": duckdb.rows}


def rows(config: Config, index: int) -> Iterator[Row]:
    """Yield the rows of one source as (file:line or name:row, columns). Raises InputError if it cannot be read."""
    origin = Origin(config, index)
    if origin.source.dataset is not None:
        return hf.rows(origin)
    path = _file(origin)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path.name}: unknown kind of file {path.suffix!r}",
            where=origin.where("path"),
            fix=f"Supported: {', '.join(READERS)}.",
        )
    return _opened(reader(path, origin), path)


def records(path: Path, *, where: str = "") -> Iterator[Row]:
    """Yield all rows of a file with all columns. Raises InputError if it cannot be read."""
    reader = FILES.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path.name}: unknown kind of file {path.suffix!r}", where=where, fix=f"Supported: {', '.join(FILES)}."
        )
    return _opened(reader(path, Everything()), path)


def _opened(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    try:
        yield from rows
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=shown(path)) from None


def digest(config: Config, index: int) -> str | None:
    """Return a digest of everything that the source's rows depend on; None if only reading them can tell."""
    origin = Origin(config, index)
    if origin.source.dataset is not None:
        return hf.digest(origin)
    path = _file(origin)
    # Includes changes that DuckDB has not yet checkpointed into its file.
    log = path.with_name(path.name + ".wal")
    return "".join(_file_digest(part) for part in (path, log) if part.exists())


def _file(origin: Origin) -> Path:
    path = origin.config.find(str(origin.source.path), origin.place("path"))
    where = origin.where("path")
    try:
        if not path.is_file():
            raise InputError(f"{shown(path)} is not a file", where=where)
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{shown(path)} cannot be read: {error}", where=where) from None
    if path.is_symlink() and not target.is_relative_to(path.parent.resolve()):
        # The author of the folder chose the target, which the pipeline file does not show.
        raise InputError(
            f"{shown(path)} is a link to a file in another folder",
            where=where,
            fix=f"Use the path of the file itself: {shown(target)}",
        )
    return path


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
