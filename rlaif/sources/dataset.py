"""Rows of Hugging Face datasets: a folder, or a name on the hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.records import key
from rlaif.sources.origin import BATCH, Origin, Row, numbered
from rlaif.sources.parquet import plain
from rlaif.yaml_file import did_you_mean


def rows(origin: Origin) -> Iterator[Row]:
    """The rows of the split, with the needed columns only."""
    return origin.limited(_rows(origin))


def digest(origin: Origin) -> str | None:
    """A folder's file names, sizes and times; a hub dataset's revision. Without a revision, only reading can tell."""
    folder = _folder(origin)
    if folder is None:
        return origin.source.revision
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(str(path.relative_to(folder)), path.stat()) for path in files]
    return key("folder", [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])


def _rows(origin: Origin) -> Iterator[Row]:
    data = _load(origin)
    data = data.select_columns(origin.check(data.column_names)).with_format("arrow")
    yield from numbered(str(origin.source.dataset), (row for batch in data.iter(BATCH) for row in plain(batch)))


def _load(origin: Origin) -> Any:
    try:
        import datasets
    except ImportError:
        raise InputError(
            "the package `datasets` is not installed", where=origin.where("dataset"), fix="Install rlaif[train]."
        ) from None
    source, folder = origin.source, _folder(origin)
    try:
        if folder is not None and any((folder / name).exists() for name in ("state.json", "dataset_dict.json")):
            data = datasets.load_from_disk(str(folder))
        else:
            data = datasets.load_dataset(str(folder or source.dataset), source.subset, revision=source.revision)
    except Exception as error:  # The library lets through errors of whatever it reads with.
        message = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"the dataset cannot be loaded: {message}", where=origin.where("dataset")) from None
    if not isinstance(data, dict):
        return data
    if source.split not in data:
        raise InputError(
            f"no split {source.split!r}", where=origin.where("split"), fix=did_you_mean(source.split, map(str, data))
        )
    return data[source.split]


def _folder(origin: Origin) -> Path | None:
    """The folder that the dataset is; None if it can only be a name on the hub."""
    name = str(origin.source.dataset)
    try:
        return origin.config.find(name, origin.place("dataset"))
    except InputError:
        # Hub names are NAME or OWNER/NAME; anything else was meant as a folder.
        if name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise
        return None
