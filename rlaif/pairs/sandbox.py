"""Run a user's strategy on a separate connection that holds the candidates and reaches nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from rlaif.core.errors import InputError
from rlaif.store import confined
from rlaif.store.confined import quoted
from rlaif.store.store import Store

# The tables that a strategy may read; a table that its text does not name is not copied.
TABLES = ("candidates", "marks", "texts", "compared")
COLUMNS = {"prompt": "BIGINT", "chosen": "BIGINT", "rejected": "BIGINT", "lead": "DECIMAL(38, 6)"}
WRONG = {
    "unknown": "is not a candidate of that prompt",
    "same": "is both chosen and rejected",
    "vetoed": "is chosen, but below a floor or cut off",
    "tied": "is chosen with a lead of zero or less",
    "twice": "is given twice with the same other response",
}


def run(store: Store, text: str, file: Path, values: Mapping[str, Any]) -> None:
    """Fill the temporary table `made` by the statement. Raises InputError, naming the file, for wrong rows."""
    with store.folder() as folder:
        names = [name for name in TABLES if re.search(rf"\b{name}\b", text)]
        for name in names:
            rows = f"(FROM compared WHERE judge = {quoted(values['judge'] or '')})" if name == "compared" else name
            store.run(f"COPY {rows} TO {quoted(folder / name)} (FORMAT parquet)")
        path = folder / "made"
        try:
            _answer(folder, names, text, values, path)
        except duckdb.Error as error:
            raise _refused(f"DuckDB refuses this: {error}", file) from None
        except KeyError as error:
            raise InputError(
                f"no value is given for {error}",
                where=str(file),
                fix=f"Declare it in a comment line: -- {str(error)[1:-1]} = 5: what it means.",
            ) from None
        store.run(f"CREATE OR REPLACE TEMP TABLE made AS FROM read_parquet({quoted(path)}, hive_partitioning = false)")
    if wrong := wrong_pairs(store):
        raise _refused(wrong, file)


def wrong_pairs(store: Store) -> str:
    """Describe the first kind of mistake in the pairs that a user's strategy has made; empty if there is none."""
    wrong = store.query("pairs/sql/invalid_pairs")
    if not wrong:
        return ""
    kind, pairs, response = wrong[0]["kind"], wrong[0]["pairs"], wrong[0]["response"]
    return f"in {pairs:,} of its pairs, a response {WRONG[kind]}; {response} is one"


def _answer(folder: Path, names: list[str], text: str, values: Mapping[str, Any], path: Path) -> None:
    """Write the statement's rows to a Parquet file, from a connection that can read nothing but the named tables."""
    import pyarrow.parquet

    with confined.connect(folders=[folder], spill=folder / "spill") as connection:
        for name in names:
            given = f"read_parquet({quoted(folder / name)}, hive_partitioning = false)"
            connection.execute(f"CREATE TABLE {name} AS FROM {given}")
            # The table is in memory now, and the result is written by pyarrow, so DuckDB needs no more files.
            (folder / name).unlink()
        confined.lock(connection)
        used = {name: values[name] if name in values else _absent(name) for name in re.findall(r"\$(\w+)", bare(text))}
        # As a subquery, only a reading statement is accepted. The line break ends a trailing comment.
        columns = ", ".join(f"{name}::{kind} AS {name}" for name, kind in COLUMNS.items())
        found = connection.sql(f"SELECT {columns} FROM (\n{text}\n)", params=used)
        pyarrow.parquet.write_table(found.to_arrow_table(), path)


def _absent(name: str) -> Any:
    raise KeyError(f"${name}")


def bare(text: str) -> str:
    """Return the statement without its comments, in which a `$name` is not a parameter."""
    return re.sub(r"--[^\n]*", "", text)


def _refused(message: str, file: Path) -> InputError:
    shown = re.sub(r"LINE (\d+):", lambda line: f"LINE {int(line[1]) - 1}:", message)
    return InputError(
        shown,
        where=str(file),
        fix=f"It must be one SELECT that returns {', '.join(COLUMNS)}, and reads only {', '.join(TABLES)}.",
    )
