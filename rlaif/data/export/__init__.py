"""Exports pairs as datasets that trainers can read. A form defines the columns, a format the kind of file.

A form is a `.sql` file that selects from the columns that `columns.py` builds. Files are written atomically, the same store
gives byte-identical files, and a dataset card describes their origin.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from rlaif.config import Pipeline
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.core.types import buckets
from rlaif.data.export.columns import Options, Source, described, prepared
from rlaif.data.export.dataset_card import Origin, card
from rlaif.data.export.targets import TARGETS, convert
from rlaif.data.export.writers import FORMATS, Exported, Part, write
from rlaif.store.store import Store, sql

__all__ = ["FORMATS", "FORMS", "LABEL_STUDIO", "SPLITS", "TARGETS", "Exported", "export", "tables"]

# The source of each form's rows: pairs, or one ranked list per prompt.
FORMS: Mapping[str, Source] = {
    "preference": "pair",
    "unpaired": "pair",
    "reward": "pair",
    "soft": "pair",
    "sft": "pair",
    "ranked": "list",
}
# The form of tasks for people, which `evaluation.labeling` writes.
LABEL_STUDIO = "label-studio"
SPLITS = ("train", "test")
# Pairs per Parquet file: about 100 MB of typical texts, which fit in memory and stream well from the Hub.
SHARD = 200_000
_NO_CONFIDENCE = (
    "A confidence comes from a judge with `logprobs: true` or `repeats` above 1, from several judges under `pair.judge` or "
    "`pair.agree`, or from comparisons. Without one, use --form preference."
)


def export(
    store: Store,
    pairing: str,
    folder: Path,
    *,
    held_out: float,
    form: str = "preference",
    formats: Sequence[str] = ("jsonl", "parquet"),
    target: str | None = None,
    pipeline: Pipeline | None = None,
    command: str = "",
    audit: Sequence[Mapping[str, str]] = (),
    language: bool = True,
    address: str = "FOLDER",
    reasoning: bool = False,
    rationales: bool = False,
    shard: int = SHARD,
) -> Exported:
    """Write `folder/FORM/SPLIT.FORMAT` for both splits, and the card `folder/FORM/README.md`.

    Files of an earlier export in that folder are removed. Parquet with more than `shard` pairs is split into files such as
    `SPLIT-00000-of-00003.parquet`; `datasets` is a folder that datasets.load_from_disk and load_dataset read. For another
    project (`target`, a key of TARGETS), `folder/TARGET` has the rows in that project's layout, with a config. With
    `reasoning`, each response has its reasoning as `reasoning_content`; with `rationales`, rows have those of their scores.

    The card shows `command` as the export's command line, `audit` as the figures of the judges (rows of judge, measure and
    value), and loads the data from `address`, a folder or a dataset of the Hub. With `language`, it names the languages of
    the texts.

    Raises InputError for an unknown form, format or target, and for soft labels if no confidence is known.
    """
    _check_names(form, formats, target)
    form = TARGETS[target].form if target else form
    options = Options(pairing, buckets(held_out), reasoning, rationales)
    with prepared(store, FORMS[form], options) as empty:
        parts = [part for split in SPLITS for part in _parts(store, form, split, shard, empty)]
        excluded = store.query(f"data/export/sql/{FORMS[form]}s_left_out", pairing=pairing, form=form)
        left_out = {row["reason"]: row["n"] for row in excluded if row["n"]}
        if form == "soft" and left_out and not parts:
            raise InputError("no pair has a confidence, which soft labels need", where="export", fix=_NO_CONFIDENCE)
        origin = Origin(pipeline, command, options.held_out, audit, address, language)
        about = partial(card, store, pairing, form=form, origin=origin)
        if target:
            about = partial(about, formats=[TARGETS[target].suffix], target=target)
            return convert(store, TARGETS[target], parts, folder / target, left_out, about)
        done = Exported(folder / form, _counts(parts), left_out, _example(store, parts))
        write(store, parts, done.folder, formats, partial(about, done, formats=formats))
    return done


def _example(store: Store, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the first row, or an empty one."""
    found = [store.rows(f"SELECT to_json(q)::VARCHAR AS line FROM ({part.query} LIMIT 1) AS q") for part in parts[:1]]
    return dict(orjson.loads(found[0][0]["line"])) if found else {}


def tables(
    store: Store,
    pairing: str,
    *,
    held_out: float,
    form: str = "preference",
    reasoning: bool = False,
    rationales: bool = False,
) -> dict[str, Any]:
    """Return the rows of a form as a pyarrow.Table by split, `train` and `test`; datasets.Dataset takes such a table.

    Raises InputError for an unknown form.
    """
    _check_names(form, (), None)
    options = Options(pairing, buckets(held_out), reasoning, rationales)
    with prepared(store, FORMS[form], options) as empty:
        return {split: store.table(_query(store, form, split, empty)) for split in SPLITS}


def _check_names(form: str, formats: Sequence[str], target: str | None) -> None:
    for what, word, known in [
        ("form", form, FORMS),
        *(("format", format, FORMATS) for format in formats),
        *([("target", target, TARGETS)] if target else []),
    ]:
        if word not in known:
            names = [*known, LABEL_STUDIO] if known is FORMS else known
            raise InputError(f"unknown {what} {word!r}", where="export", fix=did_you_mean(word, names))
    if target and form not in ("preference", TARGETS[target].form):
        raise InputError(
            f"{target} reads its own form, not {form!r}", where="export", fix="Leave out --form, or leave out --for."
        )


def _counts(parts: Sequence[Part]) -> dict[str, int]:
    return {split: sum(part.rows for part in parts if part.split == split) for split in SPLITS}


def _parts(store: Store, form: str, split: str, shard: int, empty: frozenset[str]) -> list[Part]:
    """Return the non-empty parts of one split, each with its query."""
    size = store.rows("SELECT coalesce(max(place) + 1, 0) AS n FROM export WHERE split = $split", split=split)[0]["n"]
    parts = []
    for start in range(0, size, shard):
        query = _query(store, form, split, empty, start, start + shard)
        rows = store.rows(f"SELECT count(*) AS n FROM ({query})")[0]["n"]
        parts += [Part(split, query, rows)] if rows else []
    return parts


def _query(store: Store, form: str, split: str, empty: frozenset[str], start: int = 0, stop: int = sys.maxsize) -> str:
    """Return the query of a form's rows without the columns that are empty in all of them."""
    query = sql(f"data/export/sql/{form}")
    for name, value in {"split": f"'{split}'", "start": str(start), "stop": str(stop)}.items():
        query = query.replace(f"${name}", value)
    # Trainers that find a margin column need a number in every row, and comparisons have no margins.
    if form == "reward" and not store.rows("SELECT 1 AS found FROM export WHERE margin IS NOT NULL LIMIT 1"):
        empty |= {"margin"}
    names = [name for name, _ in described(store, query) if name in empty]
    return f"SELECT * EXCLUDE ({', '.join(names)}) FROM ({query})" if names else query
