"""Reads rows of Hugging Face datasets, from a folder or the Hub."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rlaif.config import Source
from rlaif.config.yaml import did_you_mean, parse_value
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.data.sources.parquet import plain
from rlaif.data.sources.source import BATCH, Origin, Row, Wanted, numbered

# The files that list a dataset folder's data files.
CARDS: Final = ("README.md", ".huggingface.yaml")
STATES: Final = ("state.json", "dataset_dict.json")
LARGEST_CARD: Final = 10_000_000
SHOWN: Final = 200
_HEAD: Final = re.compile(r"\s*---[ \t]*[\r\n]+(.*?)[\r\n]+---", re.DOTALL)
_HUB_NAME: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*|[\w-][\w.-]*")
# Names that `datasets` treats as kinds of files, not as datasets.
_KINDS: Final = frozenset(
    {
        "csv",
        "json",
        "parquet",
        "arrow",
        "text",
        "pandas",
        "xml",
        "generator",
        "spark",
        "sql",
        "imagefolder",
        "audiofolder",
        "videofolder",
        "pdffolder",
        "webdataset",
        "hdf5",
        "cache",
        "lance",
        "eval",
        "niftifolder",
        "meshfolder",
    }
)


def rows(origin: Origin, wanted: Wanted) -> Iterator[Row]:
    """Yield the rows of the split with the needed columns only."""
    return wanted.limited(_rows(origin, wanted))


def saved_rows(folder: Path) -> Iterator[Row]:
    """Yield all rows of the first split of a folder that `datasets` saved. Raises InputError."""
    try:
        import datasets

        if not any((folder / name).exists() for name in STATES):
            raise InputError("no dataset saved by `datasets`", where=str(folder), fix="Name a file in it.")
        _inspect(folder, str(folder))
        data = datasets.load_from_disk(str(folder))
    except ImportError:
        raise InputError("the package `datasets` is not installed", fix="pip install 'rlaif[train]'") from None
    except (OSError, ValueError) as error:
        raise InputError(f"the dataset cannot be loaded: {error}", where=str(folder)) from None
    data = next(iter(data.values())) if isinstance(data, dict) else data
    batches = data.with_format("arrow").iter(BATCH)
    yield from numbered(str(folder), (row for batch in batches for row in plain(batch)))


def digest(origin: Origin) -> str | None:
    """Return a digest of a folder's file names, sizes and times, or a Hub dataset's revision (None if not set)."""
    folder = _folder(origin)
    if folder is None:
        return origin.source.revision
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(str(path.relative_to(folder)), path.stat()) for path in files]
    return key("folder", [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])


def _rows(origin: Origin, wanted: Wanted) -> Iterator[Row]:
    data = _load(origin)
    names = data.column_names
    if names is None:  # A stream whose columns are known only from its rows.
        yield from wanted.watch(iter(numbered(str(origin.source.dataset), data)))
        return
    data = data.select_columns(wanted.check(names)).with_format("arrow")
    yield from numbered(str(origin.source.dataset), (row for batch in data.iter(BATCH) for row in plain(batch)))


def _load(origin: Origin) -> Any:
    try:
        import datasets
    except ImportError:
        raise InputError(
            "the package `datasets` is not installed", where=origin.where("dataset"), fix="pip install 'rlaif[train]'"
        ) from None
    source, folder = origin.source, _folder(origin)
    if folder is not None:
        _inspect(folder, origin.where("dataset"))
    try:
        data = _loaded(datasets, source, folder)
    except Exception as error:  # The library passes on errors of every library that it reads with.
        message = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"the dataset cannot be loaded: {message}", where=origin.where("dataset")) from None
    if not isinstance(data, dict):
        return data
    if source.split not in data:
        raise InputError(
            f"no split {source.split!r}", where=origin.where("split"), fix=did_you_mean(source.split, map(str, data))
        )
    return data[source.split]


def _loaded(datasets: Any, source: Source, folder: Path | None) -> Any:
    if folder is not None and any((folder / name).exists() for name in STATES):
        return datasets.load_from_disk(str(folder))
    return datasets.load_dataset(
        str(folder or source.dataset), source.subset, revision=source.revision, streaming=source.stream
    )


def _inspect(folder: Path, where: str) -> None:
    """Raise InputError for a folder that would make `datasets` read files outside of it, or run code."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", where=where, fix="Use `path` for a single file.")
    try:
        inside = folder.resolve()
        for file in sorted(folder.rglob("*")):
            target = file.resolve()
            # The Hub's cache links files to its folder `blobs`.
            if file.is_symlink() and not target.is_relative_to(inside) and target.parent.name != "blobs":
                raise InputError(
                    f"{file} is a link to a file outside the dataset", where=where, fix="Replace it with a copy."
                )
        for file in sorted(folder.glob("*.py")):
            raise InputError(
                f"{file} is a loading script, which rlaif does not run",
                where=where,
                fix="Convert the dataset to Parquet or JSONL.",
            )
        for place, value in _named(folder, where):
            if reason := _outside(value):
                raise InputError(
                    f"{place} names {value[:SHOWN]!r}, {reason}",
                    where=where,
                    fix="Data files must be inside the dataset's folder.",
                )
    except (OSError, RuntimeError) as error:
        raise InputError(f"{folder} cannot be read: {error}", where=where) from None


def _named(folder: Path, where: str) -> Iterator[tuple[str, str]]:
    """Yield every string in a dataset folder's settings: its card, and other files that `datasets` reads."""
    for name in CARDS:
        card = folder / name
        text = _read(card) if card.is_file() else ""
        head = _HEAD.match(text)
        if head or name.endswith(".yaml"):
            # File patterns may occur anywhere in `configs`; other keys of a card do not name files.
            data = parse_value(head[1] if head else text, str(card))
            yield from (
                (f"{card} configs", text) for text in _texts(data.get("configs") if isinstance(data, dict) else None)
            )
    for name in STATES:
        for file in sorted(folder.rglob(name)):
            try:
                data = json.loads(_read(file))
            except (ValueError, RecursionError) as error:
                raise InputError(f"{file} is not JSON: {error}", where=where) from None
            names = data.get("_data_files") if isinstance(data, dict) else None
            yield from ((str(file), text) for text in _texts(names))
            yield from ((str(file), text) for text in _texts(data.get("splits") if name == "dataset_dict.json" else None))


def _read(file: Path) -> str:
    if file.stat().st_size > LARGEST_CARD:
        raise InputError(f"{file} is larger than {LARGEST_CARD:,} bytes", where=str(file))
    return file.read_text(encoding="utf-8", errors="replace")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from (name,) if isinstance(name, str) else ()
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _outside(name: str) -> str | None:
    """Return why a file name or pattern may lead out of the folder; None if it cannot."""
    if "://" in name or "::" in name:
        return "which is an address"
    if name.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:[\\/]", name):
        return "which is an absolute path"
    return "which leads out of the folder" if ".." in re.split(r"[\\/]", name) else None


def _folder(origin: Origin) -> Path | None:
    """Return the dataset's folder; None if it is a name on the Hub."""
    name = str(origin.source.dataset)
    try:
        return origin.config.find(name, origin.place("dataset"))
    except InputError:
        # Hub names are NAME or OWNER/NAME; anything else must be a folder.
        if not _HUB_NAME.fullmatch(name) or name.startswith(".") or name.lower() in _KINDS:
            raise
        return None
