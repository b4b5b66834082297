"""What trainers read: the rows of pairs, in the form that each method needs, and responses to imitate.

A row of the pipeline has message lists under `prompt` (as the generator was shown it), `chosen` and `rejected`, and numbers
under `margin` (hundredths of the scale, null where only order is known) and `confidence` (null where not known).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.core.errors import InputError
from rlaif.data.sources import records
from rlaif.data.sources.prompts import messages_of, text
from rlaif.data.sources.row_errors import Faults, RowError
from rlaif.data.sources.text_forms import unfold

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


def imitated(path: Path, most_bad: float = 0.01, *, where: str = "") -> tuple[list[Row], Faults]:
    """The responses to imitate in a file, as `prompt` and `completion`, and what was wrong with the rows that are left out.

    Files are read as `collect` reads them. A row has `messages` that end with the completion, or `prompt` and `completion`.
    Raises InputError for a file that cannot be read, and where more than the share `most_bad` of the rows is bad.
    """
    found, faults = [], Faults()
    for at, row in records(path, where=where):
        faults.rows += 1
        try:
            found.append(_demonstration(row))
        except RowError as fault:
            faults.add(at, fault.reason, fault.detail)
    if faults.too_many(most_bad):
        raise InputError(
            f"{faults.bad:,} of {faults.rows:,} rows of {path.name} are bad, more than collect.max_bad_rows allows "
            f"({most_bad:.3g}):\n" + "\n".join(faults.listed()),
            where=where or str(path), fix="Correct the rows, or raise collect.max_bad_rows to go on without them.",
        )  # fmt: skip
    return found, faults


def _demonstration(row: Mapping[str, Any] | RowError) -> Row:
    if isinstance(row, RowError):
        raise row
    row = dict(unfold(row, ("messages", "prompt", "completion"), {}))
    if row.get("messages") is not None:
        *prompt, last = _turns(row["messages"], "messages", "user") or [{"role": ""}]
        if not prompt or last["role"] != "assistant":
            raise RowError("no assistant's message after at least one other at the end", "messages")
    elif row.get("prompt") is not None and row.get("completion") is not None:
        prompt = _turns(row["prompt"], "prompt", "user")
        *before, last = _turns(row["completion"], "completion", "assistant") or [{"role": ""}]
        if before or not prompt or last["role"] != "assistant":
            raise RowError("a completion that is not one assistant's message after a prompt", "completion")
    else:
        raise RowError("neither `messages` nor `prompt` and `completion`")
    if not last["content"].strip():
        raise RowError("an empty completion")
    return {"prompt": prompt, "completion": [last]}


def _turns(value: Any, column: str, role: str) -> list[Row]:
    """Messages as plain rows; a text is one of this role."""
    if isinstance(value, list | tuple):
        return [dict(message) for message in messages_of(value, column)]
    content = text(value, column)
    return [{"role": role, "content": content}] if content else []
