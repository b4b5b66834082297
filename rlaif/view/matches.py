"""Finds the rows of the list that match a filter.

Filters of texts look at the first rows first: if these fill the page, it is shown, and all rows are read only to count them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import duckdb

from rlaif.core.errors import InputError
from rlaif.report.sql import lock_settings
from rlaif.store.store import sql
from rlaif.view.filters import COLUMNS, Filter
from rlaif.view.tables import Tables

# The numbers of the generator $generator, by name (see `index.sql`).
_BY_GENERATOR: Final = """(
    SELECT min(rowid) FROM generators
    WHERE key IN (SELECT key FROM generators WHERE name = $generator) OR key = $generator
    GROUP BY key
)"""
# The names of generators by their numbers.
_NUMBERED: Final = """(
    SELECT min(generators.rowid) AS number, any_value(generator_names.name) AS name
    FROM generators JOIN generator_names ON generator_names.key = generators.key GROUP BY generators.key
)"""


@dataclass(frozen=True)
class Matches:
    """Rows that match a filter: `table` holds their places in order, which are those of all rows if it is `complete`."""

    table: str
    total: int
    pairs: int
    complete: bool


def find_matches(tables: Tables, filter: Filter, needed: int) -> Matches:
    """Return the rows that match, or only some at the beginning of the list, but at least the `needed` ones."""
    if filter.is_slow and not filter.sort and not tables.has(_matching(tables, filter), **filter.parameters):
        found = _counted(tables, filter, _matching(tables, filter, tables.first), complete=False)
        if found.total >= needed:
            return found
        if _examined(tables, filter) < tables.first:
            return Matches(found.table, found.total, found.pairs, complete=True)
    return find_all_matches(tables, filter)


def find_all_matches(tables: Tables, filter: Filter) -> Matches:
    """Return all rows that match. Raises InputError for a condition in SQL that is wrong or takes too long."""
    return _counted(tables, filter, _matching(tables, filter), complete=True)


def _counted(tables: Tables, filter: Filter, query: str, complete: bool) -> Matches:
    with _explained(tables, filter):
        table = tables.table(query, **filter.parameters)
    counts = tables.store.rows(f"SELECT count(*) AS total, count(*) FILTER (paired) AS pairs FROM {table}")[0]
    return Matches(table, counts["total"], counts["pairs"], complete)


def _examined(tables: Tables, filter: Filter) -> int:
    """Return the number of rows that a filter of texts looks at first."""
    candidates = f"FROM indexed WHERE {filter.conditions(slow=False)} LIMIT {tables.first}"
    query = f"{_given(tables, filter)} SELECT count(*) AS n FROM ({candidates})"
    return int(tables.store.rows(query, **filter.parameters)[0]["n"])


def _matching(tables: Tables, filter: Filter, first: int = 0) -> str:
    """Return the query for the places of the matching rows, of all or only of the `first` rows with all other conditions."""
    if filter.is_cheap:
        condition = filter.conditions(slow=False)
        matched = f"SELECT place, outcome = 'paired' AS paired FROM rows WHERE {condition} ORDER BY {filter.order}"
        return f"WITH rows AS {_file('rows')} {matched}"
    limit, kept = (f"ORDER BY place LIMIT {first}", "MATERIALIZED") if first else ("", "NOT MATERIALIZED")
    given = [
        _given(tables, filter),
        f"candidates AS {kept} (FROM indexed WHERE {filter.conditions(slow=False)} {limit})",
        f"by_text AS {_file('by_text_of_candidates' if first else 'by_text')}" if filter.text else "",
        f"readable AS ({filter.readable('candidates')})",
    ]
    # A line break ends a comment.
    where = f"AND (\n{filter.where}\n)" if filter.where else ""
    return (
        f"{', '.join(part for part in given if part)} SELECT place, outcome = 'paired' AS paired FROM readable "
        f"WHERE {filter.conditions(slow=True)} {where} ORDER BY {filter.order}"
    )


def _given(tables: Tables, filter: Filter) -> str:
    """Return the relations that conditions need, the beginning of a query."""
    indexed = f"(FROM {tables.rows(filter.pairing)})"
    given = {"indexed": indexed, "by_generator": _BY_GENERATOR, "numbered": _NUMBERED}
    if filter.criterion:
        query = f"WITH indexed AS {indexed} FROM {_file('leads')}"
        within = "lead BETWEEN coalesce($lead_from, -1000) AND coalesce($lead_to, 1000)"
        given["leads"] = f"(SELECT place FROM {tables.table(query, **filter.parameters)} WHERE {within})"
    if filter.disagreement:
        others = [row["judge"] for row in tables.store.query("view/sql/other_judges", pairing=filter.pairing)]
        query = f"WITH indexed AS {indexed} FROM {_file('disagreements')}"
        given["disagreements"] = f"(FROM {tables.table(query, others=others)})"
    return "WITH " + ", ".join(f"{name} AS {query}" for name, query in given.items())


def _file(name: str) -> str:
    return f"({sql(f'view/sql/{name}')})"


@contextmanager
def _explained(tables: Tables, filter: Filter) -> Iterator[None]:
    """Limit the time of a condition in SQL, and explain what is wrong with it."""
    if not filter.where:
        yield
        return
    try:
        lock_settings(tables.store)
        with tables.store.time_limit(tables.patience):
            yield
    except duckdb.InterruptException:
        fix = "Set other filters too, such as margin or source, which are applied first, or leave out the columns of texts."
        raise InputError(f"this condition took longer than {tables.patience:g} seconds", where="where", fix=fix) from None
    except duckdb.Error as error:
        # The line that DuckDB names is one of the whole statement.
        what = str(error).partition("\nLINE")[0].strip()
        fix = f"The columns are outcome, margin, confidence, chosen_characters, rejected_characters, {', '.join(COLUMNS)}."
        raise InputError(f"DuckDB rejects this: {what}", where="where", fix=fix) from None
