"""Best against worst as scripts do it: one row a prompt that holds lists, and a Python function over each row."""

from pathlib import Path
from typing import Any

import polars as pl
from datasets import Dataset

# One prompt in so many: rows take equally long, so the time for all of them is that much longer.
SHARE = 50


def run(folder: Path, target: Path) -> int:
    """Writes the pairs of the first rows to `target`; how many there are."""
    data = Dataset.from_list(_rows(folder))
    pairs = data.map(_pair, remove_columns=data.column_names).filter(lambda row: row["lead"] > 0)
    pairs.to_parquet(str(target))
    return len(pairs)


def _rows(folder: Path) -> list[dict[str, Any]]:
    responses = pl.scan_parquet(folder / "responses.parquet")
    prompts = responses.select("prompt").unique().collect()["prompt"].sort()
    few = prompts.head(max(len(prompts) // SHARE, 1))
    scores = pl.scan_parquet(folder / "scores.parquet").group_by("answer").agg(pl.col("value"))
    found = responses.filter(pl.col("prompt").is_in(few.implode())).join(scores, on="answer")
    return found.group_by("prompt").agg(pl.all()).collect().to_dicts()


def _pair(row: dict[str, Any]) -> dict[str, Any]:
    points = [sum(values) / len(values) for values in row["value"]]
    whole = [index for index, finish in enumerate(row["finish"]) if finish == "stop"]
    best = max(whole, key=points.__getitem__, default=0)
    worst = min(range(len(points)), key=points.__getitem__)
    return {
        "prompt": row["prompt"],
        "chosen": row["text"][best],
        "rejected": row["text"][worst],
        "lead": points[best] - points[worst],
    }
