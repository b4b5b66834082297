"""Stages the facts of all sources in Parquet files, so that the store can add them in one transaction."""

from functools import cache
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

# Rows per write, which take little memory even with long documents.
BATCH = 4096
COLUMNS = {
    "prompts": "position:uint64 key normal_key messages document reference checklist metadata source bucket:uint32",
    "responses": "position:uint64 key prompt generator answer text reasoning source",
    "verdicts": "position:uint64 prompt answer judge raw source",
    "scores": "position:uint64 verdict:uint64 criterion value:double failure",
    "comparisons": "position:uint64 prompt first second judge preferred probability:double source",
    "dropped": "position:uint64 source what reason detail",
}


class Staging:
    """A folder of Parquet files, one per table. `put` numbers each table's rows from 0 in `position`."""

    def __init__(self, folder: Path) -> None:
        import pyarrow.parquet

        self.folder = folder
        self._counts = dict.fromkeys(COLUMNS, 0)
        self._waiting: dict[str, list[dict[str, Any]]] = {table: [] for table in COLUMNS}
        self._writers = {
            table: pyarrow.parquet.ParquetWriter(folder / f"{table}.parquet", _schema(table), compression="lz4")
            for table in COLUMNS
        }

    def put(self, table: str, row: dict[str, Any]) -> int:
        """Add a row and return its position. Missing columns are null."""
        waiting = self._waiting[table]
        row["position"] = position = self._counts[table]
        self._counts[table] += 1
        waiting.append(row)
        if len(waiting) >= BATCH:
            self._write(table)
        return position

    def _write(self, table: str) -> None:
        import pyarrow.json as arrow

        waiting = self._waiting[table]
        # As JSON, because Arrow imports pandas before it converts objects of Python.
        lines = b"\n".join(map(orjson.dumps, waiting))
        rows = arrow.read_json(
            BytesIO(lines),
            arrow.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            arrow.ParseOptions(explicit_schema=_schema(table)),
        )
        self._writers[table].write_table(rows.select(_schema(table).names))
        waiting.clear()

    def close(self) -> None:
        """Write the buffered rows and close the files."""
        for table, waiting in self._waiting.items():
            if waiting:
                self._write(table)
            self._writers[table].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def staged(folder: Path) -> dict[str, Path]:
    """Return the complete files by their names in queries: `staged_prompts`, `staged_responses` and so on."""
    return {f"staged_{table}": folder / f"{table}.parquet" for table in COLUMNS}


@cache
def _schema(table: str) -> Any:
    import pyarrow

    columns = (column.partition(":") for column in COLUMNS[table].split())
    return pyarrow.schema([(name, kind or "string") for name, _, kind in columns])
