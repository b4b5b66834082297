"""Exports pairs as datasets that trainers can read. A form defines the columns, a format the kind of file.

A form is a `.sql` file over the texts of pairs or ranked lists. Files are written atomically, the same store gives
byte-identical files, and a dataset card describes their origin.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rlaif.config import Pipeline
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.data.export.dataset_card import card
from rlaif.data.export.writers import FORMATS, Part, write
from rlaif.store.store import Store, sql

# The source of each form's rows: pairs, or one ranked list per prompt.
FORMS: Mapping[str, str] = {
    "preference": "pairs",
    "unpaired": "pairs",
    "reward": "pairs",
    "soft": "pairs",
    "sft": "pairs",
    "ranked": "lists",
}
SPLITS = ("train", "held_out")
# Pairs per Parquet file: about 100 MB of typical texts, which fit in memory and stream well from the Hub.
SHARD = 200_000


@dataclass(frozen=True)
class Exported:
    """A finished dataset: its folder, its rows by split, and the counts of what the form leaves out, by reason."""

    folder: Path
    rows: Mapping[str, int]
    left_out: Mapping[str, int]


def export(
    store: Store,
    pairing: str,
    folder: Path,
    *,
    held_out: float,
    form: str = "preference",
    formats: Sequence[str] = ("jsonl", "parquet"),
    pipeline: Pipeline | None = None,
    command: str = "",
    reasoning: bool = False,
    shard: int = SHARD,
) -> Exported:
    """Write `folder/FORM/SPLIT.FORMAT` for both splits, and the card `folder/FORM/README.md`.

    Files of an earlier export in that folder are removed. Parquet with more than `shard` pairs is split into files such as
    `SPLIT-00000-of-00003.parquet`; `datasets` is a folder for datasets.load_from_disk. The card shows `command` as the
    export's command line. With `reasoning`, each response has its reasoning as `reasoning_content`. Raises InputError for an
    unknown form or format, and for ranked lists with reasoning.
    """
    for word, known in [(form, FORMS), *((format, FORMATS) for format in formats)]:
        if word not in known:
            raise InputError(f"unknown form or format {word!r}", where="export", fix=did_you_mean(word, known))
    source, bucket = FORMS[form], round(held_out * 10000)
    if reasoning and source != "pairs":
        raise InputError(
            f"form {form!r} has no reasoning", where="export", fix="Leave out --reasoning, or use another form."
        )
    store.execute("data/export/sql/pair_texts", pairing=pairing, held_out=bucket)
    view = "pairs_with_reasoning" if reasoning else source
    store.execute(f"data/export/sql/{view}", pairing=pairing, held_out=bucket)
    parts = [part for split in SPLITS for part in _parts(store, form, split, shard)]
    excluded = store.query(f"data/export/sql/{source}_left_out", pairing=pairing, form=form)
    left_out = {row["reason"]: row["n"] for row in excluded if row["n"]}
    counts = {split: sum(part.rows for part in parts if part.split == split) for split in SPLITS}
    done = Exported(folder / form, counts, left_out)
    about = partial(
        card, store, pairing, done, form=form, formats=formats, held_out=bucket, pipeline=pipeline, command=command
    )
    write(store, parts, done.folder, formats, about)
    store.execute("data/export/sql/clear")
    return done


def _parts(store: Store, form: str, split: str, shard: int) -> list[Part]:
    """Return the non-empty parts of one split, each with its query."""
    size = store.rows("SELECT count(*) AS n FROM export WHERE split = $split", split=split)[0]["n"]
    # Trainers that find a margin column need a number in every row, and comparisons have no margins.
    whole = form != "reward" or store.rows("SELECT 1 FROM export WHERE margin IS NOT NULL LIMIT 1")
    parts = []
    for start in range(0, size, shard):
        values = {"split": f"'{split}'", "start": str(start), "stop": str(start + shard)}
        query = sql(f"data/export/sql/{form}")
        for name, value in values.items():
            query = query.replace(f"${name}", value)
        query = query if whole else f"SELECT * EXCLUDE (margin) FROM ({query})"
        rows = store.rows(f"SELECT count(*) AS n FROM ({query})")[0]["n"]
        parts += [Part(split, query, rows)] if rows else []
    return parts
