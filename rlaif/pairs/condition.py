"""The filter `where`: a SQL condition, run on a separate connection that holds its columns and reaches nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb

from rlaif.core.errors import InputError
from rlaif.store import confined
from rlaif.store.confined import quoted
from rlaif.store.store import Row, Store, sql

# The columns that a condition may name, besides those of `metadata`.
COLUMNS: Final = ("source", "metadata", "request", "document", "generator", "sample", "text", "words")
REASON: Final = "does not meet `where`"
# Dropped candidates that are read at once.
_BATCH = 4096


def not_met(store: Store, condition: str, where: str) -> Iterator[Row]:
    """Yield the candidates for which the condition is not true; a prompt without any other is dropped as a whole.

    Raises InputError, with the place `where`, if DuckDB rejects the condition.
    """
    with store.folder() as folder:
        # Texts are copied only for a condition that reads them.
        named = [name for name in COLUMNS if re.search(rf"\b{name}\b", condition)]
        columns = ", ".join(["prompt", "response", *named])
        rows = folder / "rows"
        store.run(f"COPY (SELECT {columns} FROM ({sql('pairs/sql/condition_rows')})) TO {quoted(rows)} (FORMAT parquet)")
        try:
            for prompt, response in _run(folder, rows, condition):
                yield {"prompt": prompt, "response": response, "reason": REASON}
        except duckdb.Error as error:
            message = re.sub(r"\s+", " ", str(error).partition("\n\nLINE")[0])
            raise InputError(
                f"DuckDB rejects this: {message}",
                where=where,
                fix=f"It is one condition on {', '.join(COLUMNS)}; a column of the metadata is metadata.NAME.",
            ) from None


def _run(folder: Path, rows: Path, condition: str) -> Iterator[Any]:
    """Yield the prompt and response of each dropped row; a null response means all responses to the prompt."""
    with confined.connect(folders=[folder], spill=folder / "spill") as connection:
        read = f"read_parquet({quoted(rows)}, hive_partitioning = false)"
        connection.execute(f"CREATE TABLE rows AS FROM {read}")
        rows.unlink()
        _parse_metadata(connection)
        confined.lock(connection)
        # The line break ends a comment in the condition.
        marked = f"SELECT prompt, response, coalesce((\n{condition}\n)::BOOLEAN, false) AS kept FROM rows"
        found = connection.execute(
            f"WITH marked AS ({marked}), whole AS (SELECT prompt FROM marked GROUP BY prompt HAVING NOT bool_or(kept)) "
            "SELECT prompt, response FROM marked WHERE NOT kept AND prompt NOT IN (FROM whole) "
            "UNION ALL SELECT prompt, NULL FROM whole ORDER BY ALL"
        )
        while batch := found.fetchmany(_BATCH):
            yield from batch


def _parse_metadata(connection: Any) -> None:
    """Replace the JSON text of `metadata` by a struct, so that numbers compare as numbers."""
    names = [row[0] for row in connection.execute("SELECT column_name FROM (DESCRIBE rows)").fetchall()]
    if "metadata" not in names:
        return
    structure = connection.execute("SELECT json_group_structure(metadata::JSON)::VARCHAR FROM rows").fetchall()[0][0]
    if structure and structure.startswith("{") and structure != "{}":
        parsed = f"from_json(metadata, {quoted(structure)}) AS metadata"
        connection.execute(f"CREATE OR REPLACE TABLE rows AS SELECT * REPLACE ({parsed}) FROM rows")
