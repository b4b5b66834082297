"""Writes pairs as files that trainers read: a form says which columns, a format which kind of file.

A form is a `.sql` file over the pairs as texts. Files appear whole or not at all, and the same pairs give the same bytes.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from rlaif.errors import InputError
from rlaif.store import Store, sql
from rlaif.yaml_file import did_you_mean

FORMS = ("preference", "unpaired", "reward", "sft")
# DuckDB's options for each format. One thread a file keeps its rows in order.
_COPY = {"jsonl": "FORMAT json", "parquet": "FORMAT parquet, COMPRESSION zstd"}
FORMATS = (*_COPY, "datasets")
SPLITS = ("train", "held_out")


def export(
    store: Store, pairing: str, folder: Path, *, held_out: float, form: str = "preference",
    formats: Sequence[str] = ("jsonl", "parquet"),
) -> dict[str, int]:  # fmt: skip
    """Writes `folder/FORM/SPLIT.FORMAT` for both splits; returns the rows of each split.

    Raises InputError for an unknown form or format. `datasets` is a folder that datasets.load_from_disk opens.
    """
    for word, known in [(form, FORMS), *((format, FORMATS) for format in formats)]:
        if word not in known:
            raise InputError(f"no such form or format: {word!r}", where="export", fix=did_you_mean(word, known))
    pairs = f"CREATE OR REPLACE TEMP TABLE export AS {sql('export/pairs')}"
    store.run(pairs, pairing=pairing, held_out=round(held_out * 10000))
    rows = {}
    for split in SPLITS:
        rows[split] = store.measure(f"export/{form}", "count(*)", split=split)
        if not rows[split]:
            continue
        for format in formats:
            target = folder / form / (f"{split}.{format}" if format in _COPY else split)
            target.parent.mkdir(parents=True, exist_ok=True)
            if format == "datasets":
                _save_dataset(store, form, split, target)
            else:
                _copy(store, form, split, target, _COPY[format])
    return rows


def _copy(store: Store, form: str, split: str, target: Path, options: str) -> None:
    partial = target.with_name(f".{target.name}.partial")
    query = sql(f"export/{form}").replace("$split", f"'{split}'")
    store.run(f"COPY ({query}) TO '{str(partial).replace(chr(39), chr(39) * 2)}' ({options})")
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(target)


def _save_dataset(store: Store, form: str, split: str, target: Path) -> None:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    Dataset.from_list(store.query(f"export/{form}", split=split)).save_to_disk(str(target))
