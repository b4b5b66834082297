"""Writes the files of one export to a temporary folder, verifies and syncs them, and then moves them into place."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import duckdb

from rlaif.core.errors import InputError, StoreError
from rlaif.core.files import flush, flush_all
from rlaif.store.store import FULL, Store

FORMATS = ("jsonl", "parquet", "datasets")
# DuckDB's options for each format. One core compresses a row group, and readers hold a row group in memory. With about 25 MB
# of typical texts per group, a sixth of DuckDB's default, all cores are busy and writing takes two thirds of the time.
COPY = {"jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480"}
CARD = "README.md"
# Files written in parallel, each with the rows of its shard in memory.
_AT_ONCE = 2
# Files that an earlier export may have left in the folder. Others are never touched.
_OURS = re.compile(r"(train|test|held_out)(\.jsonl|(-\d{5}-of-\d{5})?\.parquet)?|dataset_dict\.json")


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a split: the query that returns them, and their number."""

    split: str
    query: str
    rows: int


@dataclass(frozen=True)
class Exported:
    """A finished dataset: its folder, its rows by split, the counts of what is left out, by reason, and its first row."""

    folder: Path
    rows: Mapping[str, int]
    left_out: Mapping[str, int]
    example: Mapping[str, Any] = field(default_factory=dict)


_Splits = Mapping[str, Sequence[Part]]
_Paths = Mapping[str, Sequence[Path]]


def write(store: Store, parts: Sequence[Part], folder: Path, formats: Sequence[str], card: Callable[[], str]) -> None:
    """Write the parts in each format and the card to `folder`; remove files of an earlier export.

    If the process is killed, the folder has the earlier files, the new ones or (between two renames) some of each, but
    never a partial file. Raises InputError if the folder is not writable, and StoreError if the disk is full.
    """
    splits = {split: list(shards) for split, shards in groupby(parts, key=lambda part: part.split)}
    with replacing(folder) as partial, ThreadPoolExecutor(_AT_ONCE) as pool:
        about = pool.submit(card)
        if "jsonl" in formats:
            _jsonl(store, pool, splits, partial)
        if "parquet" in formats:
            _parquet(store, pool, splits, partial)
        if "datasets" in formats:
            _datasets(store, pool, splits, partial)
        (partial / CARD).write_text(about.result(), encoding="utf-8")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder whose files replace those of an earlier export in `folder` at the end of this context.

    Raises InputError and StoreError as `write` does.
    """
    try:
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        flush_all(partial)
        _move(partial, folder)
    except (OSError, duckdb.IOException) as error:
        message = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
        if any(words in message for words in FULL):
            raise StoreError(
                f"{folder}: the disk is full; no partial dataset was left.\nFree some space and run the same command."
            ) from None
        raise InputError(
            f"cannot write a dataset here: {message}", where=str(folder), fix="Choose another folder."
        ) from None


def _jsonl(store: Store, pool: Executor, splits: _Splits, folder: Path) -> None:
    pieces = {
        split: [folder / f"{split}.jsonl.{number}" for number in range(len(shards))] for split, shards in splits.items()
    }
    _copy(store, pool, splits, pieces, "jsonl")
    for split, paths in pieces.items():
        with (folder / f"{split}.jsonl").open("ab") as whole:
            for path in paths:
                with path.open("rb") as rows:
                    shutil.copyfileobj(rows, whole)
                path.unlink()


def _parquet(store: Store, pool: Executor, splits: _Splits, folder: Path) -> _Paths:
    """Write the shards as files, each of which is opened again to check that it is complete."""
    paths = {split: [folder / f"{split}{place}.parquet" for place in _places(shards)] for split, shards in splits.items()}
    _copy(store, pool, splits, paths, "parquet")
    return paths


def _places(shards: Sequence[Part]) -> list[str]:
    return [""] if len(shards) == 1 else [f"-{number:05}-of-{len(shards):05}" for number in range(len(shards))]


def _copy(store: Store, pool: Executor, splits: _Splits, paths: _Paths, format: str) -> None:
    """Write every shard to its path in parallel, because the end of each file keeps only one core busy."""
    shards, targets = chain.from_iterable(splits.values()), chain.from_iterable(paths.values())
    check = format == "parquet"

    def copy(shard: Part, target: Path) -> None:
        store.write(shard.query, target, COPY[format], rows=shard.rows if check else None)

    list(pool.map(copy, shards, targets))


def _datasets(store: Store, pool: Executor, splits: _Splits, folder: Path) -> None:
    """Write a saved datasets.DatasetDict; load_dataset reads its Arrow files, which the card names."""
    import pyarrow.parquet
    from datasets import Dataset, DatasetDict, disable_progress_bars, enable_progress_bars, is_progress_bar_enabled

    source = folder / "rows"
    source.mkdir()
    shown = is_progress_bar_enabled()
    disable_progress_bars()
    found = DatasetDict()
    for split, paths in _parquet(store, pool, splits, source).items():
        table = pyarrow.concat_tables([pyarrow.parquet.read_table(path) for path in paths])
        # The default fingerprint is random, so the same rows would give different bytes.
        fingerprint = hashlib.blake2b(b"".join(_digest(path) for path in paths), digest_size=16).hexdigest()
        found[split] = Dataset(table, fingerprint=fingerprint)
    if found:
        found.save_to_disk(str(folder))
    shutil.rmtree(source)
    if shown:
        enable_progress_bars()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def _move(partial: Path, folder: Path) -> None:
    """Move the new files into place, the card last, so that it never describes files that do not exist yet."""
    folder.mkdir(parents=True, exist_ok=True)
    new = sorted(partial.iterdir(), key=lambda path: (path.name == CARD, path.name))
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name) and (old.is_dir() or not (partial / old.name).exists()):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for path in new:
        path.replace(folder / path.name)
    partial.rmdir()
    flush(folder)
