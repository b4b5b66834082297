"""The files of one export: each written aside, verified and on the disk before any of them takes its place."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from rlaif.errors import InputError, StoreError
from rlaif.store import FULL, Store

FORMATS = ("jsonl", "parquet", "datasets")
# DuckDB's options for each kind of file.
_COPY = {"jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd"}
CARD = "README.md"
# What an export may have left in its folder; nothing else there is touched.
_OURS = re.compile(r"(train|held_out)(\.jsonl|(-\d{5}-of-\d{5})?\.parquet)?")


@dataclass(frozen=True)
class Part:
    """Some of a split's rows, in order: the query that gives them, and how many there are."""

    split: str
    query: str
    rows: int


def write(store: Store, parts: Sequence[Part], folder: Path, formats: Sequence[str], card: str) -> None:
    """Fills `folder` with the parts in each format, and the card; what an earlier export left there goes.

    A kill leaves the earlier files, or the new ones, or (between two renames) some of each, but never half a file.
    Raises InputError where nothing can be written, and StoreError where the disk is full.
    """
    with _told(folder):
        _write(store, parts, folder, formats, card)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, duckdb.IOException) as error:
        said = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
        if any(words in said for words in FULL):
            raise StoreError(
                f"{folder}: the disk is full; no data set is there that was not whole before.\n"
                "Free some space and run the same command."
            ) from None
        raise InputError(f"no data set can be written here: {said}", where=str(folder), fix="Name another folder.") from None


def _write(store: Store, parts: Sequence[Part], folder: Path, formats: Sequence[str], card: str) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for split, found in groupby(parts, key=lambda part: part.split):
        shards = list(found)
        if "jsonl" in formats:
            _jsonl(store, shards, partial / f"{split}.jsonl")
        if "parquet" in formats:
            _parquet(store, shards, partial)
        if "datasets" in formats:
            _dataset(store, shards, partial / split)
    (partial / CARD).write_text(card, encoding="utf-8")
    _sync(partial)
    _move(partial, folder)


def _jsonl(store: Store, shards: Sequence[Part], target: Path) -> None:
    for number, shard in enumerate(shards):
        piece = target.with_name(f"{target.name}.{number}")
        _copy(store, shard, piece, "jsonl")
        with target.open("ab") as whole, piece.open("rb") as rows:
            shutil.copyfileobj(rows, whole)
        piece.unlink()


def _parquet(store: Store, shards: Sequence[Part], folder: Path) -> list[Path]:
    """The shards as files, each reopened to see that its end is there and its rows are all."""
    paths = []
    for number, shard in enumerate(shards):
        place = "" if len(shards) == 1 else f"-{number:05}-of-{len(shards):05}"
        paths.append(folder / f"{shard.split}{place}.parquet")
        _copy(store, shard, paths[-1], "parquet")
        found = store.query("export/rows_in", path=str(paths[-1]))[0]["n"]
        if found != shard.rows:
            raise StoreError(f"{paths[-1].name}: {shard.rows:,} rows written, {found:,} read back; is the disk full?")
    return paths


def _copy(store: Store, part: Part, target: Path, format: str) -> None:
    store.write(part.query, target, _COPY[format])


def _dataset(store: Store, shards: Sequence[Part], target: Path) -> None:
    import pyarrow.parquet
    from datasets import Dataset, disable_progress_bars, enable_progress_bars, is_progress_bar_enabled

    source = target.with_name(f"{target.name}.rows")
    source.mkdir()
    paths = _parquet(store, shards, source)
    table = pyarrow.concat_tables([pyarrow.parquet.read_table(path) for path in paths])
    # A fingerprint of its own would be drawn by lot, and the same rows would give other bytes.
    fingerprint = hashlib.blake2b(b"".join(_digest(path) for path in paths), digest_size=16).hexdigest()
    shutil.rmtree(source)
    shown = is_progress_bar_enabled()
    disable_progress_bars()
    Dataset(table, fingerprint=fingerprint).save_to_disk(str(target))
    if shown:
        enable_progress_bars()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def _sync(folder: Path, *, deep: bool = True) -> None:
    for path in [*(folder.rglob("*") if deep else ()), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _move(partial: Path, folder: Path) -> None:
    """Puts all that is new in its place, the card last, so that a card never speaks of files that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    new = sorted(partial.iterdir(), key=lambda path: (path.name == CARD, path.name))
    for old in folder.iterdir():
        if _OURS.fullmatch(old.name) and (old.is_dir() or not (partial / old.name).exists()):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for path in new:
        path.replace(folder / path.name)
    partial.rmdir()
    _sync(folder, deep=False)
