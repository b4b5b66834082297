"""Sources as rows of a file, collected into a store, and what that left in it."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rlaif.config import load
from rlaif.context.run import Context
from rlaif.core.progress import Progress, Quiet
from rlaif.pipeline.stages import collect
from rlaif.pipeline.stages.collect import DROPPED_BY_REASON
from rlaif.store.store import Store


def lines(path: Path, rows: Iterable[Any]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def collected(
    folder: Path,
    source: dict[str, Any] | None = None,
    *more: dict[str, Any],
    progress: Progress | None = None,
    **section: Any,
) -> Store:
    """The store of a pipeline in `folder` after collecting the sources; rows.jsonl where none is given."""
    sources = [{"path": "rows.jsonl"} | each for each in (source or {}, *more)]
    (folder / "pipeline.yaml").write_text(json.dumps({"name": "test", "collect": {"sources": sources, **section}}))
    store = Store(folder / "store.duckdb")
    try:
        collect.run(Context(load(folder / "pipeline.yaml"), store, progress=progress or Quiet()))
    except BaseException:
        store.close()
        raise
    return store


def column(store: Store, query: str) -> list[Any]:
    return [next(iter(row.values())) for row in store.rows(query)]


def requests(store: Store) -> list[str]:
    return [
        json.loads(text)[-1]["content"] for text in column(store, "SELECT messages FROM current_prompts ORDER BY position")
    ]


def dropped(store: Store) -> dict[tuple[str, str], int]:
    return {(row["what"], row["reason"]): row["n"] for row in store.query(DROPPED_BY_REASON)}


def comparisons(store: Store) -> list[dict[str, Any]]:
    return store.rows(
        "SELECT a.text AS first, b.text AS second, preferred FROM comparisons "
        "JOIN responses AS a ON a.answer = first JOIN responses AS b ON b.answer = second ORDER BY ALL"
    )
