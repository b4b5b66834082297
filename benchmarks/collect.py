"""Collects a Parquet folder with nested columns, beside a plain DuckDB scan-and-write of the same bytes.

    python -m benchmarks.collect --megabytes 200

Prints rows per second of both, their ratio, and the peak memory of collecting.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet

from rlaif.config import load
from rlaif.context.run import Context
from rlaif.core.progress import Quiet
from rlaif.pipeline.stages import collect
from rlaif.store.store import Store

ROWS_PER_FILE = 4000
WORDS = [f"word{number}" for number in range(5000)]
# Texts are put together from phrases, because drawing single words would take longer than collecting them.
PHRASE = 10
ASPECTS = ("helpfulness", "honesty", "instruction_following", "truthfulness")


@cache
def phrases() -> list[str]:
    random_ = random.Random(1)
    return [" ".join(random_.choices(WORDS, k=PHRASE)) for _ in range(50_000)]


def text(random_: random.Random, words: int) -> str:
    return " ".join(random_.choices(phrases(), k=words // PHRASE))


def row(random_: random.Random, number: int) -> dict[str, Any]:
    """A row in the shape of raw UltraFeedback."""
    completions = [
        {
            "model": f"model-{place}",
            "response": f"{number} {place} {text(random_, 150)}",
            "annotations": {
                each: {"Rating": str(random_.randint(1, 5)), "Rationale": text(random_, 20)} for each in ASPECTS
            },
        }
        for place in range(4)
    ]
    return {"source": "made", "instruction": f"{number} {text(random_, 60)}", "completions": completions}


def write(folder: Path, megabytes: int) -> int:
    """Write files until the folder has this size; return the number of rows."""
    random_, rows = random.Random(0), 0
    while sum(path.stat().st_size for path in folder.iterdir()) < megabytes * 1_000_000:
        table = pyarrow.Table.from_pylist([row(random_, rows + number) for number in range(ROWS_PER_FILE)])
        pyarrow.parquet.write_table(table, folder / f"{rows:09}.parquet", row_group_size=1000)
        rows += ROWS_PER_FILE
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    wanted = parser.parse_args().megabytes
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        data.mkdir()
        # In another process, so that its memory is not counted.
        with get_context("spawn").Pool(1) as pool:
            rows = pool.apply(write, (data, wanted))
        source = {"path": "data", "layout": "ultrafeedback"}
        (folder / "pipeline.yaml").write_text(json.dumps({"name": "benchmark", "collect": {"sources": [source]}}))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        with Store(folder / "store.duckdb") as store:
            collect.run(Context(load(folder / "pipeline.yaml"), store, progress=Quiet()))
        collecting = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        with duckdb.connect(str(folder / "plain.duckdb")) as connection:
            connection.execute("CREATE TABLE rows AS FROM read_parquet(?)", [f"{data}/*.parquet"])
        plain = time.perf_counter() - started
    print(
        f"{rows:,} rows, {wanted} MB: collect {collecting:.1f} s ({rows / collecting:,.0f} rows/s), DuckDB {plain:.1f} s, "
    )
    print(f"ratio {collecting / plain:.1f}; peak memory {peak / 1000:,.0f} MB ({before / 1000:,.0f} MB before)")


if __name__ == "__main__":
    main()
