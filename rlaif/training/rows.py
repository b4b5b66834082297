"""What trainers read: the rows of pairs, in the form that each method needs.

A row of the pipeline has message lists under `prompt` (as the generator was shown it), `chosen` and `rejected`, and numbers
under `margin` (hundredths of the scale, null where only order is known) and `confidence` (null where not known).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import InputError

Row = dict[str, Any]


def preferences(rows: Sequence[Row]) -> list[Row]:
    """Pairs alone."""
    return [{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows]


def soft(rows: Sequence[Row]) -> list[Row]:
    """Pairs with the probability that the label is right, where that is known."""
    known = [row for row in rows if row["confidence"] is not None]
    return [pair | {"confidence": float(row["confidence"])} for pair, row in zip(preferences(known), known, strict=True)]


def with_margins(rows: Sequence[Row]) -> list[Row]:
    """Pairs with their lead as a share of the scale, which the rewards' difference must exceed (Touvron et al. 2023)."""
    return [pair | {"margin": float(row["margin"] or 0) / 100} for pair, row in zip(preferences(rows), rows, strict=True)]


def demonstrations(rows: Sequence[Row]) -> list[Row]:
    """The chosen sides as `completion`, each once however many pairs it won."""
    return _once({"prompt": row["prompt"], "completion": row["chosen"]} for row in rows)


def unpaired(rows: Sequence[Row]) -> list[Row]:
    """Each side once, with what it was: `label` is whether it was chosen."""
    sides = (("chosen", True), ("rejected", False))
    return _once({"prompt": row["prompt"], "completion": row[side], "label": label} for row in rows for side, label in sides)


def said(messages: Sequence[Any]) -> str:
    """Messages as one text, equal where roles and contents are."""
    return json.dumps([[message["role"], message["content"]] for message in messages])


def as_they_are(rows: Sequence[Row]) -> list[Row]:
    """Rows that are in the trainer's form already."""
    return list(rows)


def _once(rows: Any) -> list[Row]:
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())


def imitated(path: Path) -> list[Row]:
    """The answers to imitate in a JSONL or Parquet file, as `prompt` and `completion`; `messages` end with the completion.

    Raises InputError, with the row, for one that has neither.
    """
    return [_demonstration(row, f"{path}, row {number}") for number, row in enumerate(_read(path), 1)]


def _read(path: Path) -> list[Row]:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        found: list[Row] = pyarrow.parquet.read_table(path).to_pylist()
        return found
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise InputError(f"no JSON Lines: {error}", where=str(path), fix="Give a .jsonl or .parquet file.") from None


def _demonstration(row: Row, where: str) -> Row:
    if row.get("messages"):
        *prompt, last = row["messages"]
        if not prompt or last["role"] != "assistant":
            raise InputError("`messages` must end with an assistant's, after at least one other", where=where)
        return {"prompt": prompt, "completion": [last]}
    if not (row.get("prompt") and row.get("completion")):
        raise InputError(
            "neither `messages` nor `prompt` and `completion`", where=where, fix="Give one of them in every row."
        )
    sides = {"prompt": "user", "completion": "assistant"}
    return {name: [{"role": role, "content": row[name]}] if isinstance(row[name], str) else row[name]
            for name, role in sides.items()}  # fmt: skip
