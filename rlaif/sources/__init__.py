"""Rows out of files, databases and datasets: streamed, each with the place it stands at.

`digest` tells without parsing whether a source may have changed; `rows` reads it. A source is a position in
`collect.sources`, so that an error can point at the pipeline file's line.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from rlaif.config import Config
from rlaif.errors import InputError
from rlaif.sources import dataset, duck, parquet, text
from rlaif.sources.origin import Origin, Row

READERS = {
    ".jsonl": text.jsonl, ".ndjson": text.jsonl, ".json": text.json_list, ".csv": text.csv, ".tsv": text.csv,
    ".parquet": parquet.rows, ".duckdb": duck.rows, ".db": duck.rows,
}  # fmt: skip


def rows(config: Config, index: int) -> Iterator[Row]:
    """The rows of one source as (file:line or name:row, columns). Raises InputError for what cannot be read."""
    origin = Origin(config, index)
    if origin.source.dataset is not None:
        return dataset.rows(origin)
    path = _file(origin)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path.name}: unknown kind of file {path.suffix!r}",
            where=origin.where("path"),
            fix=f"Known: {', '.join(READERS)}.",
        )
    return reader(path, origin)


def digest(config: Config, index: int) -> str | None:
    """A digest of all that the source's rows depend on; None if only reading can tell."""
    origin = Origin(config, index)
    if origin.source.dataset is not None:
        return dataset.digest(origin)
    path = _file(origin)
    # What DuckDB has not folded into its file yet counts too.
    log = path.with_name(path.name + ".wal")
    return "".join(_file_digest(part) for part in (path, log) if part.exists())


def _file(origin: Origin) -> Path:
    path = origin.config.find(str(origin.source.path), origin.place("path"))
    where = origin.where("path")
    try:
        if not path.is_file():
            raise InputError(f"{path} is not a file", where=where)
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read: {error}", where=where) from None
    if path.is_symlink() and not target.is_relative_to(path.parent.resolve()):
        # Whoever sent the folder chose the target, and the pipeline file does not tell.
        raise InputError(f"{path} is a link to a file in another folder", where=where, fix=f"Name the file itself: {target}")
    return path


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
