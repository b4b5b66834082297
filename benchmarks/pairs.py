"""Make pairs of a million prompts with each strategy, in cold processes on two threads; compare with DuckDB and polars.

    python benchmarks/pairs.py                 1,000,000 prompts x 8 responses x 3 criteria (24M scores), short texts, and
                                               200,000 prompts with texts of about 600 characters
    python benchmarks/pairs.py --small         the same at a size for tests
    python benchmarks/pairs.py --only pareto   some of the strategies

Whole processes are timed, from start to end. rlaif reads the store, makes the pairs, and writes them with the reason for
each prompt and response; polars reads the same data as Parquet and writes only pairs. The raw limit is DuckDB reading the
columns that pairs need and writing a copy of rlaif's output, with DuckDB's row groups, and for texts also with row groups as
small as rlaif's, which it writes faster. datasets.map runs over fewer prompts, and its time is scaled up. Memory is the peak
of resident memory.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from rlaif.core.types import key
from rlaif.store.store import Store, sql

if TYPE_CHECKING:
    from rlaif.pairs.pairing import Pairing

HERE = Path(__file__).parent / "pairs"
THREADS, MEMORY = 2, "3GB"
JUDGE, GENERATORS, SAMPLES = "judge", ["writer", "peer"], 8
CRITERIA = ("help", "faith", "whole")
PLAIN = "FORMAT parquet, COMPRESSION zstd"
# The same as rlaif's, but not imported: the import would take longer than reading all scores.
GROUPED = f"{PLAIN}, ROW_GROUP_SIZE 20480"
OPTIONS = {"one_criterion": {"criterion": "help"}, "own_vs_other": {"generator": "writer"}}
SECTIONS = {"all_above_margin": {"min_margin": 20, "per_prompt": 4}}


def synthesise(folder: Path, prompts: int, texts: int) -> None:
    """Write a store of this many prompts, also as Parquet; prompts below `texts` have responses of about 600 characters."""
    folder.mkdir(parents=True)
    with Store(folder / "store.duckdb") as store:
        limit(store)
        add(store, 0, prompts, texts)
        for table, columns in (
            ("scores", "answer, criterion, value::INTEGER AS value"),
            ("responses", "key, prompt, answer, generator, finish, text"),
        ):
            store.write(f"SELECT {columns} FROM {table}", folder / f"{table}.parquet", "FORMAT parquet")


def add(store: Store, first: int, prompts: int, texts: int) -> None:
    """Add the prompts from `first` up to `prompts` to the store, with responses and scores."""
    store.run(
        (HERE / "synthesise.sql").read_text(encoding="utf-8"),
        first=first,
        prompts=prompts,
        texts=texts,
        samples=SAMPLES,
        judge=JUDGE,
        generators=GENERATORS,
        criteria=[key("criterion", name) for name in CRITERIA],
        names=list(CRITERIA),
        kinds=["scale", "scale", "check"],
    )


def limit(store: Store) -> None:
    store.run(f"SET threads = {THREADS}; SET memory_limit = '{MEMORY}'")


def make(strategy: str, folder: Path, texts: bool) -> int:
    """Make pairs with rlaif; with texts, also write Parquet files for trainers."""
    from rlaif.data.export import export

    with Store(folder / "store.duckdb") as store:
        limit(store)
        made = build_pairs(strategy, folder, store)
        if texts:
            # As the stage does it, without the languages of the texts.
            export(store, made.key, folder / "out", held_out=0.1, formats=["parquet"], language=False)
    return made.pairs


def build_pairs(strategy: str, folder: Path, store: Store, *, in_parts: bool = True) -> "Pairing":
    """Make pairs in the store by the scores of its judge; without `in_parts`, of all prompts at once."""
    from rlaif.config import Config, Pipeline
    from rlaif.config.yaml import YamlFile
    from rlaif.context.run import Context
    from rlaif.pairs import build
    from rlaif.pairs.rule import load_rule

    section = {"strategy": strategy, "options": OPTIONS.get(strategy, {})} | SECTIONS.get(strategy, {})
    data: dict[str, Any] = {"name": "pairs", "collect": {"sources": [{"path": "x.jsonl"}]}, "pair": section}
    config = Config(Pipeline.model_validate(data), YamlFile(folder / "pairs.yaml", dict(data), {}))
    rule = load_rule(config)
    if not in_parts:
        rule = replace(rule, strategy=replace(rule.strategy, by_prompt=False))
    return build.run(rule, Context(config, store), JUDGE, GENERATORS)


def raw(strategy: str, folder: Path, texts: bool, options: str = PLAIN) -> int:
    """Read what rlaif had to read in `folder`, and write a copy of what it has written."""
    (folder / "raw.duckdb").unlink(missing_ok=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            f"SET threads = {THREADS}; SET memory_limit = '{MEMORY}'; SET temp_directory = '{folder / 'spill'}'"
        )
        connection.execute(
            f"ATTACH '{folder / 'store.duckdb'}' AS made (READ_ONLY); ATTACH '{folder / 'raw.duckdb'}' AS raw"
        )
        text = ", max(text)" if texts else ""
        connection.execute(
            "SELECT max(answer), max(criterion), max(value), max(judge), max(spread) FROM made.scores"
        ).fetchall()
        connection.execute(
            f"SELECT max(key), max(prompt), max(answer), max(finish), max(generator){text} FROM made.responses"
        ).fetchall()
        connection.execute("SELECT max(key), max(messages), max(bucket), max(position) FROM made.prompts").fetchall()
        connection.execute(f"USE raw; {sql('store/schema')}")
        for table in ("pairs", "reasons"):
            connection.execute(f"INSERT INTO raw.{table} FROM made.{table}")
        for path in sorted((folder / "out").rglob("*.parquet")):
            connection.execute(f"COPY (FROM read_parquet('{path}', hive_partitioning = false)) TO '{path}.raw' ({options})")
        return int(connection.execute("SELECT count(*) FROM raw.pairs").fetchall()[0][0])


def raw_in_groups(strategy: str, folder: Path, texts: bool) -> int:
    """The same with files in row groups as small as rlaif's, which both processors compress at once."""
    return raw(strategy, folder, texts, GROUPED)


def polars(strategy: str, folder: Path, texts: bool) -> int:
    sys.path.insert(0, str(HERE))
    import by_polars

    if not texts:
        return int(by_polars.run(strategy, folder, folder / "polars.parquet"))
    return int(by_polars.with_texts(folder, folder / "polars.parquet"))


def mapped(strategy: str, folder: Path, texts: bool) -> int:
    """Best against worst as scripts do it: one row a prompt with lists, a function over each row, nothing else."""
    sys.path.insert(0, str(HERE))
    import by_map

    return int(by_map.run(folder, folder / "mapped.parquet"))


WAYS: dict[str, Callable[[str, Path, bool], int]] = {
    "rlaif": make,
    "raw": raw,
    "raw_in_groups": raw_in_groups,
    "polars": polars,
    "map": mapped,
}


def measure(way: str, strategy: str, folder: Path, *, texts: bool) -> dict[str, Any]:
    """One cold process: wall seconds, those of both processors, peak memory in MB, pairs."""
    environment = os.environ | {"POLARS_MAX_THREADS": str(THREADS), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, __file__, "--one", way, strategy, str(folder), *(["--texts"] if texts else [])]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout
    told = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return {"way": way, "strategy": strategy, "failed": process.returncode}
    seconds = time.perf_counter() - started
    # Kilobytes, but bytes on macOS.
    memory = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {
        "way": way,
        "strategy": strategy,
        "seconds": round(seconds, 2),
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "mb": round(memory),
        "pairs": int(told.split()[-1]),
    }


def compare(folder: Path, strategy: str, *, texts: bool = False) -> dict[str, dict[str, Any]]:
    """One strategy all ways, on a copy of the store so that each starts from the same."""
    work = folder.with_name(f"{folder.name}-{strategy}")
    shutil.copytree(folder, work)
    # A run's store is on the disk long before; else the first to commit would wait for this copy.
    os.sync()
    ways = [way for way in WAYS if (way != "map" or strategy == "best_vs_worst") and (way != "raw_in_groups" or texts)]
    found = {way: measure(way, strategy, work, texts=texts) for way in ways}
    shutil.rmtree(work)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a size for tests")
    parser.add_argument("--only", nargs="*", help="strategies to measure")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/benchmark-pairs"), help="where stores and results go; kept"
    )
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--texts", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        way, strategy, folder = given.one
        print(WAYS[way](strategy, Path(folder), given.texts))
        return
    sizes = (
        {"short": (2000, 0), "texts": (500, 500)} if given.small else {"short": (1_000_000, 0), "texts": (200_000, 200_000)}
    )
    for name, (prompts, texts) in sizes.items():
        if not (given.folder / name).exists():
            # A process counts the memory of the one that it came from, so all is made elsewhere.
            maker = get_context("spawn").Process(target=synthesise, args=(given.folder / name, prompts, texts))
            maker.start()
            maker.join()
    sys.path.insert(0, str(HERE))
    import by_polars

    results = []
    tasks = [("texts", "best_vs_worst"), *(("short", name) for name in by_polars.STRATEGIES)]
    for size, strategy in tasks:
        if not given.only or strategy in given.only:
            found = compare(given.folder / size, strategy, texts=size == "texts")
            results.append({"size": size, "prompts": sizes[size][0], "strategy": strategy, **found})
            print(row(results[-1]), flush=True)
    (given.folder / "results.json").write_text(json.dumps(results, indent=1))


def row(found: dict[str, Any]) -> str:
    """One line a strategy: seconds (and of processors, and peak MB) of each way."""
    ways = [found[way] for way in WAYS if way in found]
    cells = [
        f"{way['way']} {way['seconds']} s ({way['cpu']} of CPU, {way['mb']:,} MB, {way['pairs']:,} pairs)"
        if "seconds" in way
        else f"{way['way']} failed ({way['failed']})"
        for way in ways
    ]
    return f"{found['size']} {found['strategy']}: {'; '.join(cells)}"


if __name__ == "__main__":
    main()
