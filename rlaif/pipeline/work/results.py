"""Write the results of units durably, in parts, and merge the parts of a finished shard into one file."""

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, Final

import orjson

from rlaif.context.budget import CHARACTERS_PER_TOKEN
from rlaif.pipeline.unit_results import UnitResult
from rlaif.pipeline.work.folder import GENERAL, Row, facts_of, parts, read_results, write_table

# Parts of a shard that are merged into one before the shard is finished, so that slow work does not make many small files.
MOST_PARTS: Final = 200


class Results:
    """The results of one worker process in a folder. Methods block, and threads may call them."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._token = folder, secrets.token_hex(4)
        self._lock = Lock()
        self._parts: dict[str, int] = {}
        self._number = 0
        # Merging reads many files, and new results must not wait for it.
        self._merging = ThreadPoolExecutor(1, "rlaif-merge")
        self._merges: list[Future[None]] = []

    def finished(self, shard: str) -> set[str]:
        """Return the units of a shard that have results."""
        return {row["unit"] for row in read_results(self._folder, shard, ["unit"]) if row["unit"]}

    def notes(self, shard: str) -> list[Row]:
        """Return the notes that were made for units of a shard."""
        found = (facts_of(row) for row in read_results(self._folder, shard, ["unit", "facts"]) if row["unit"] is None)
        return [note for facts in found for note in facts.get("notes", [])]

    def write(self, shard: str, rows: Sequence[Row]) -> None:
        """Write results of a shard. They are durable on return."""
        with self._lock:
            self._number += 1
            name = f"{self._token}-{self._number:06d}"
            self._write(self._folder / "results" / shard / f"{name}.parquet", rows)
            self._parts[shard] = self._parts.get(shard, 0) + 1
            if self._parts[shard] >= MOST_PARTS and shard != GENERAL:
                self._parts[shard] = 1
                self._merges.append(self._merging.submit(self._merge, shard, f"{shard}/{name}-merged.parquet"))

    def finish(self, shard: str) -> None:
        """Merge all results of a shard into one file, soon."""
        self._merges.append(self._merging.submit(self._merge, shard, f"{shard}.parquet"))

    def wait(self) -> None:
        """Wait until everything is merged."""
        for merge in self._merges:
            merge.result()
        self._merges.clear()

    def _merge(self, shard: str, name: str) -> None:
        """Merge the results of a shard into one file, and remove the parts that it then holds."""
        target, folder = self._folder / "results" / name, self._folder / "results" / shard
        merged = parts(self._folder, shard)
        if merged and merged != [target]:
            self._write(target, list(read_results(self._folder, shard)))
            for path in merged:
                if path != target:
                    path.unlink(missing_ok=True)
        if target.parent != folder and folder.is_dir():
            _remove_if_empty(folder)

    def _write(self, path: Path, rows: Sequence[Row]) -> None:
        import pyarrow as pa

        text, number = pa.string(), pa.int64()
        columns = {"unit": text, "failure": text, "prompt_tokens": number, "output_tokens": number, "facts": text}
        write_table(path, pa.Table.from_pylist(list(rows), pa.schema(columns.items())))


def _remove_if_empty(folder: Path) -> None:
    for left in folder.glob(".*"):
        left.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def result_row(unit: Row, result: UnitResult, guess: float) -> Row:
    """Return a result as a row of its file. Its tokens are estimated where the server reported none."""
    prompt = sum(outcome.get("prompt_tokens") or 0 for outcome in result.outcomes)
    texts = [outcome.get("text") or outcome.get("raw") or "" for outcome in result.outcomes]
    output = sum(outcome.get("output_tokens") or 0 for outcome in result.outcomes)
    replied = any(texts)
    return {
        "unit": unit["unit"],
        "failure": result.failed[0],
        "prompt_tokens": prompt or (round(guess) if replied else 0),
        "output_tokens": output or sum(map(len, texts)) // CHARACTERS_PER_TOKEN,
        "facts": dump(result.facts),
    }


def fact_row(table: str, rows: Sequence[Mapping[str, Any]]) -> Row:
    """Return facts that belong to no unit as a row of the file of results."""
    tokens = {name: sum(row.get(name) or 0 for row in rows) for name in ("prompt_tokens", "output_tokens")}
    return {"unit": None, "failure": None, **tokens, "facts": dump({table: [dict(row) for row in rows]})}


def dump(facts: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return facts as JSON."""
    return orjson.dumps({table: rows for table, rows in facts.items() if rows}).decode()
