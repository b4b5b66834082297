"""Streams rows of files, databases and datasets, each with its location.

`digest` shows without parsing whether a source may have changed; `rows` reads it. Sources are identified by their position
in `collect.sources`, so that errors can point at the line in the pipeline file.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

from rlaif.config import Config, RecordedSource
from rlaif.core import functions
from rlaif.core.errors import InputError
from rlaif.data.layouts import Layout, load
from rlaif.data.sources import duckdb, hf, parquet, shaped, text_files
from rlaif.data.sources.dotted import with_paths
from rlaif.data.sources.paths import find_all, kind
from rlaif.data.sources.source import Everything, Origin, Row, Wanted, shown

FILES = {
    ".jsonl": text_files.jsonl,
    ".ndjson": text_files.jsonl,
    ".json": text_files.json_list,
    ".csv": text_files.csv,
    ".tsv": text_files.csv,
    ".parquet": parquet.rows,
}
DATABASES = (".duckdb", ".db")
READERS = (*FILES, *DATABASES)


def rows(config: Config, index: int) -> Iterator[Row]:
    """Yield the rows of one source as (file:line or name:row, columns). Raises InputError if it cannot be read.

    The rows of a source with a layout or a query have the columns in `rlaif.data.layouts.RESULT`.
    """
    origin = Origin(config, index)
    source = origin.source
    if isinstance(source, RecordedSource):
        return _raw(origin, Everything())
    if not source.is_shaped:
        return with_paths(_window(_filtered(_raw(origin, origin), origin), origin), origin)
    layout = _layout(origin) if source.layout is not None else None
    wanted = shaped.Needed(layout, origin.where("layout"), every=source.where is not None)
    found = _window(_filtered(_raw(origin, wanted), origin), origin)
    if layout is not None:
        return shaped.by_layout(found, layout)
    path = config.find(str(source.query), origin.place("query"))
    return shaped.by_query(found, _text(path), shown(path), shown(path))


def _layout(origin: Origin) -> Layout:
    try:
        return load(str(origin.source.layout))
    except InputError as error:
        raise InputError(error.what, where=origin.where("layout"), fix=error.fix) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=shown(path)) from None


def _raw(origin: Origin, wanted: Wanted) -> Iterator[Row]:
    """Yield the rows as the files have them."""
    if origin.source.dataset is not None:
        return hf.rows(origin, wanted)
    if functions.is_reference(origin.source.path):
        return wanted.watch(_returned(origin))
    return chain.from_iterable(_rows_of(path, origin, wanted) for path in _files(origin))


def _returned(origin: Origin) -> Iterator[Row]:
    """Yield the rows that a function of this program returns."""
    found = functions.get("source", str(origin.source.path), origin.where("path"))
    for number, row in enumerate(found.function(), 1):
        if not isinstance(row, Mapping):
            fix = 'Return dictionaries, such as {"prompt": …}.'
            raise InputError(f"row {number} of {found.name} is not a mapping", where=origin.where("path"), fix=fix)
        yield f"{found.name}:{number}", row


def _rows_of(path: Path, origin: Origin, wanted: Wanted) -> Iterator[Row]:
    suffix = kind(path)
    if suffix in DATABASES:
        return _opened(duckdb.rows(path, origin, wanted), path)
    reader = FILES.get(suffix)
    if reader is None:
        raise InputError(
            f"{path.name}: unknown kind of file {suffix!r}",
            where=origin.where("path"),
            fix=f"Supported: {', '.join(READERS)}.",
        )
    return _opened(reader(path, wanted), path)


def _filtered(rows: Iterator[Row], origin: Origin) -> Iterator[Row]:
    condition = origin.source.where
    return rows if condition is None else shaped.filtered(rows, condition, origin.where("where"))


def _window(rows: Iterator[Row], origin: Origin) -> Iterator[Row]:
    source = origin.source
    if source.limit is None and not source.offset:
        return rows
    return islice(rows, source.offset, None if source.limit is None else source.offset + source.limit)


def records(path: Path, *, where: str = "") -> Iterator[Row]:
    """Yield all rows of a file with all columns. Raises InputError if it cannot be read."""
    reader = FILES.get(kind(path))
    if reader is None:
        raise InputError(
            f"{path.name}: unknown kind of file {kind(path)!r}", where=where, fix=f"Supported: {', '.join(FILES)}."
        )
    return _opened(reader(path, Everything()), path)


def _opened(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    try:
        yield from rows
    except (OSError, EOFError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=shown(path)) from None


def digest(config: Config, index: int) -> str | None:
    """Return a digest of everything that the source's rows depend on; None if only reading them can tell."""
    origin = Origin(config, index)
    if origin.source.dataset is not None:
        return hf.digest(origin)
    if functions.is_reference(origin.source.path):
        return functions.get("source", str(origin.source.path), origin.where("path")).fixed_version
    files = _files(origin)
    query = "" if origin.source.query is None else _file_digest(config.find(origin.source.query, origin.place("query")))
    # Includes changes that DuckDB has not yet checkpointed into its file.
    parts = [part for path in files for part in (path, path.with_name(path.name + ".wal")) if part.exists()]
    return query + "".join(_file_digest(part) for part in parts)


def _files(origin: Origin) -> list[Path]:
    where = origin.where("path")
    files = find_all(str(origin.source.path), origin.config.file.path.parent, tuple(READERS), where=where)
    for path in files:
        _check_file(path, where)
    return files


def _check_file(path: Path, where: str) -> None:
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


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
