"""Convert pairs into the rows that each training method reads, and read files of responses to imitate.

A row of the pipeline has message lists in `prompt` (as the generator saw it), `chosen` and `rejected`, and numbers in
`margin` (hundredths of the scale, null if only the order is known) and `confidence` (null if unknown). A row whose prompt
offers tools has their schemas as JSON text in `tools`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.core.errors import InputError
from rlaif.data.sources import records
from rlaif.data.sources.messages import messages_of, text
from rlaif.data.sources.row_errors import Faults, RowError
from rlaif.data.sources.text_forms import unfold

Row = dict[str, Any]


def preferences(rows: Sequence[Row]) -> list[Row]:
    """Return pairs without margin and confidence."""
    return [{name: row[name] for name in ("prompt", "chosen", "rejected")} | _tools(row) for row in rows]


def soft(rows: Sequence[Row]) -> list[Row]:
    """Return pairs with the probability that the label is right, if that is known."""
    known = [row for row in rows if row["confidence"] is not None]
    return [pair | {"confidence": float(row["confidence"])} for pair, row in zip(preferences(known), known, strict=True)]


def with_margins(rows: Sequence[Row]) -> list[Row]:
    """Return pairs with their margin as a share of the scale, which the reward gap must exceed (Touvron et al. 2023)."""
    return [pair | {"margin": float(row["margin"] or 0) / 100} for pair, row in zip(preferences(rows), rows, strict=True)]


def demonstrations(rows: Sequence[Row]) -> list[Row]:
    """Return the chosen sides as `completion`, each once even if it is in several pairs."""
    return _once({"prompt": row["prompt"], "completion": row["chosen"]} | _tools(row) for row in rows)


def unpaired(rows: Sequence[Row]) -> list[Row]:
    """Return each side once; `label` says whether it was chosen."""
    sides = (("chosen", True), ("rejected", False))
    return _once(
        {"prompt": row["prompt"], "completion": row[side], "label": label} | _tools(row)
        for row in rows
        for side, label in sides
    )


def _tools(row: Row) -> Row:
    return {"tools": row["tools"]} if "tools" in row else {}


def as_text(messages: Sequence[Any]) -> str:
    """Serialize messages to a text that is equal if and only if roles and contents are."""
    return json.dumps([[message["role"], message["content"]] for message in messages])


def as_they_are(rows: Sequence[Row]) -> list[Row]:
    """Return rows that already have the trainer's format."""
    return list(rows)


def _once(rows: Any) -> list[Row]:
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())


def imitated(path: Path, most_bad: float = 0.01, *, where: str = "") -> tuple[list[Row], Faults]:
    """Read responses to imitate from a file, as `prompt` and `completion`, with the faults of rows that are left out.

    Files are read as `collect` reads them. A row has `messages` that end with the completion, or `prompt` and `completion`.
    Raises InputError if the file cannot be read, or if more than the share `most_bad` of the rows is bad.
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
            where=where or str(path),
            fix="Correct the rows, or raise collect.max_bad_rows to go on without them.",
        )
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
    """Return messages as plain rows; a string becomes one message of this role."""
    if isinstance(value, list | tuple):
        return [dict(message) for message in messages_of(value, column)]
    content = text(value, column)
    return [{"role": role, "content": content}] if content else []
