"""Exports for other training projects: the rows in their layout, and a config that their loaders accept.

A target is one module. Its layouts were read in the project's own code; `docs/exports.md` says what was run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from rlaif.data.export.targets import axolotl, llama_factory, nemo_rl, open_instruct, verl
from rlaif.data.export.targets.target import Row, Target, UnreadableRowError
from rlaif.data.export.writers import CARD, Exported, Part, replacing
from rlaif.store.store import Store

TARGETS: Mapping[str, Target] = {
    "axolotl": axolotl.TARGET,
    "llama-factory": llama_factory.TARGET,
    "open-instruct": open_instruct.TARGET,
    "nemo-rl": nemo_rl.TARGET,
    "verl": verl.TARGET,
}


def convert(
    store: Store,
    target: Target,
    parts: Sequence[Part],
    folder: Path,
    left_out: Mapping[str, int],
    card: Callable[[Exported], str],
) -> Exported:
    """Write the parts' rows as `target` reads them, its config and the card to `folder`.

    Rows that it cannot read are counted by reason.
    """
    counts, rows, example = Counter(left_out), {"train": 0, "test": 0}, dict[str, Any]()
    with replacing(folder) as partial:
        for split in rows:
            found = _converted(store, target, [part for part in parts if part.split == split], counts)
            first = next(found, None)
            if first is not None:
                example = example or first
                rows[split] = _WRITERS[target.suffix](chain([first], found), partial / f"{split}.{target.suffix}")
        files = {split: folder / f"{split}.{target.suffix}" for split, count in rows.items() if count}
        if rows["train"]:
            for name, text in target.config(files).items():
                (partial / name).write_text(text, encoding="utf-8")
        done = Exported(folder, rows, dict(counts), example)
        (partial / CARD).write_text(card(done), encoding="utf-8")
    return done


def _converted(store: Store, target: Target, parts: Sequence[Part], counts: Counter[str]) -> Iterator[Row]:
    for part in parts:
        for row in store.stream(f"SELECT to_json(q)::VARCHAR AS line FROM ({part.query}) AS q"):
            try:
                yield target.row(orjson.loads(row["line"]))
            except UnreadableRowError as reason:
                counts[str(reason)] += 1


def _write_jsonl(rows: Iterator[Row], path: Path) -> int:
    with path.open("wb") as file:
        return sum(file.write(orjson.dumps(row) + b"\n") > 0 for row in rows)


def _write_parquet(rows: Iterator[Row], path: Path) -> int:
    """Write the rows, all of which are in memory, because the types of columns depend on all of them."""
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pylist(list(rows))
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return int(table.num_rows)


_WRITERS: Mapping[str, Callable[[Iterator[Row], Path], int]] = {"jsonl": _write_jsonl, "parquet": _write_parquet}
