"""Reads the list of pairs: a page of it, its facets, and all its rows for download."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from rlaif.core.errors import InputError
from rlaif.core.words import count_words
from rlaif.store.store import Row, Store, sql
from rlaif.view.filters import Filter
from rlaif.view.matches import Matches, find_all_matches, find_matches
from rlaif.view.tables import Tables

PAGE: Final = 25
# Rows per query of a download.
BATCH: Final = 4000
# Characters of a text in the list; the page of the prompt shows all of it.
EXCERPT: Final = 700
# Prompts whose metadata is searched for names of columns.
SAMPLE: Final = 1000
# The prompts $prompts with their texts. Row numbers are found first, because DuckDB would read all texts for a join by key.
_PROMPT_TEXTS: Final = """
    SELECT key, messages, document, source, metadata FROM prompts
    WHERE rowid IN (SELECT rowid FROM prompts WHERE key IN (SELECT unnest($prompts::VARCHAR[])))
"""
COLUMNS: Final = "prompt, chosen, rejected, margin, confidence, outcome"


@dataclass(frozen=True)
class Facets:
    """What the filters offer. `outcomes` maps the outcomes of prompts to their numbers."""

    pairings: Sequence[Row]
    outcomes: Mapping[str, int]
    generators: Sequence[str]
    criteria: Sequence[str]
    metadata: Sequence[str]


@dataclass(frozen=True)
class Counts:
    """The number of rows of all pages, of which `pairs` are pairs."""

    total: int
    pairs: int


@dataclass(frozen=True)
class Listing:
    """One page of the list. `counts` is None if more rows match than were looked at; then `more` pages follow."""

    rows: Sequence[Row]
    counts: Counts | None
    first: int
    more: bool

    @property
    def pages(self) -> int | None:
        return None if self.counts is None else -(-self.counts.total // PAGE)


def newest(store: Store, filter: Filter) -> Filter:
    """Return the filter with the key of the newest pairing if it names none. Raises InputError for an unknown one."""
    if not filter.pairing:
        rows = store.rows("SELECT key FROM newest_pairing")
        return replace(filter, pairing=rows[0]["key"] if rows else "")
    if not store.rows("SELECT 1 FROM pairings WHERE key = $key LIMIT 1", key=filter.pairing):
        raise InputError("this pairing does not exist, or was replaced by another one", where="pairing")
    return filter


def read_facets(store: Store, filter: Filter) -> Facets:
    """Return what the filters offer. The filter must name its pairing (see `newest`)."""
    outcomes = store.rows(
        "SELECT reason, count(*) AS n FROM reasons WHERE pairing = $pairing AND response IS NULL "
        "GROUP BY reason ORDER BY reason = 'paired' DESC, n DESC, reason",
        pairing=filter.pairing,
    )
    names = [
        [str(row["name"]) for row in store.rows(f"SELECT DISTINCT name FROM {table} WHERE name IS NOT NULL ORDER BY name")]
        for table in ("generators", "criteria")
    ]
    keys = store.rows(
        "SELECT DISTINCT unnest(json_keys(metadata)) AS name "
        f"FROM (SELECT metadata FROM prompts WHERE metadata <> '{{}}' LIMIT {SAMPLE}) ORDER BY name"
    )
    return Facets(
        store.query("view/sql/pairings"),
        {row["reason"]: row["n"] for row in outcomes},
        names[0],
        names[1],
        [row["name"] for row in keys],
    )


def read_page(tables: Tables, filter: Filter) -> Listing:
    """Return a page of the list. The filter must name its pairing (see `newest`)."""
    first = PAGE * (filter.number - 1)
    with tables.lock:
        if filter.is_cheap:
            counts: Counts | None = read_counts(tables, filter)
            found_rows = _rows(tables.store, filter, PAGE + 1, first)
            rows, more = found_rows[:PAGE], len(found_rows) > PAGE
        else:
            found = find_matches(tables, filter, first + PAGE + 1)
            rows, more = _matched(tables, filter, found, PAGE, first), found.total > first + PAGE
            counts = Counts(found.total, found.pairs) if found.complete else None
        return Listing([_short(row) for row in _with_texts(tables.store, rows)], counts, first + 1, more)


def read_counts(tables: Tables, filter: Filter) -> Counts:
    """Return the number of rows of all pages. Raises InputError for a condition in SQL that is wrong or takes too long."""
    with tables.lock:
        if not filter.is_cheap:
            found = find_all_matches(tables, filter)
            return Counts(found.total, found.pairs)
        query = "SELECT count(*) AS total, count(*) FILTER (outcome = 'paired') AS pairs FROM rows"
        return Counts(
            **tables.store.rows(_of_rows(f"{query} WHERE {filter.conditions(slow=False)}"), **filter.parameters)[0]
        )


def read_around(tables: Tables, filter: Filter, place: int) -> tuple[Row | None, Row | None, Row | None]:
    """Return the keys of the rows before, at and after a place in the list, which counts from 1."""
    begin = max(place - 2, 0)
    with tables.lock:
        if filter.is_cheap:
            found = _rows(tables.store, filter, place - begin + 1, begin)
        else:
            found = _matched(tables, filter, find_matches(tables, filter, place + 1), place - begin + 1, begin)
    rows: list[Row | None] = [*found]
    before = [None] if place < 2 else []
    padded = [*before, *rows, None, None, None]
    return padded[0], padded[1], padded[2]


def read_all(tables: Tables, filter: Filter) -> Iterator[bytes]:
    """Yield all rows of the list as JSON lines, in batches; other pages can be read in between."""
    place = 0
    while True:
        with tables.lock:
            rows = _matched(tables, filter, find_all_matches(tables, filter), BATCH, place)
            texts = _with_texts(tables.store, rows)
        if not rows:
            return
        yield b"".join(orjson.dumps(_exported(row), option=orjson.OPT_APPEND_NEWLINE) for row in texts)
        place += BATCH


def _rows(store: Store, filter: Filter, limit: int, offset: int) -> list[Row]:
    """Return rows of the list for a filter of the pairs' columns, without texts."""
    # DuckDB keeps the order of insertion, and stops early if nothing must be sorted.
    order = f"ORDER BY {filter.order}" if filter.sort else ""
    query = (
        f"SELECT {COLUMNS} FROM rows WHERE {filter.conditions(slow=False)} {order} LIMIT {int(limit)} OFFSET {int(offset)}"
    )
    return store.rows(_of_rows(query), **filter.parameters)


def _matched(tables: Tables, filter: Filter, found: Matches, limit: int, offset: int) -> list[Row]:
    """Return some of the rows that match, in their order, without texts."""
    span = f"FROM {found.table} WHERE rowid BETWEEN {int(offset)} AND {int(offset) + limit - 1}"
    places = [row["place"] for row in tables.store.rows(f"SELECT place {span} ORDER BY rowid")]
    query = _of_rows(f"SELECT place, {COLUMNS} FROM rows WHERE place IN (SELECT place {span})")
    rows = {row.pop("place"): row for row in tables.store.rows(query, pairing=filter.pairing)}
    return [rows[place] for place in places]


def _of_rows(query: str) -> str:
    return f"WITH rows AS ({sql('view/sql/rows')}) {query}"


def _with_texts(store: Store, rows: Sequence[Row]) -> list[Row]:
    prompts = {row["key"]: row for row in store.query(_PROMPT_TEXTS, prompts=[row["prompt"] for row in rows])}
    keys = [row[side] for row in rows for side in ("chosen", "rejected") if row[side]]
    responses = {row["key"]: row for row in store.query("view/sql/response_texts", responses=keys)} if keys else {}
    nothing: Row = {"text": None, "generator": None}
    return [
        row
        | {
            "place": place,
            "asked": prompts.get(row["prompt"], {"messages": "[]", "document": None, "source": None, "metadata": "{}"}),
            "chosen_response": responses.get(row["chosen"], nothing),
            "rejected_response": responses.get(row["rejected"], nothing),
        }
        for place, row in enumerate(rows)
    ]


def _short(row: Row) -> Row:
    """Return a row with excerpts of its texts, for the list."""
    messages = json.loads(row["asked"]["messages"])
    sides = {side: _excerpt(row[f"{side}_response"]) for side in ("chosen", "rejected") if row[side]}
    request = str(messages[-1].get("content") or "") if messages else ""
    return row | {"request": request[:EXCERPT], "turns": len(messages), "sides": sides, "source": row["asked"]["source"]}


def _excerpt(response: Row) -> dict[str, Any]:
    text = response["text"] or ""
    return {"text": text[:EXCERPT], "words": count_words(text), "generator": response["generator"]}


def _exported(row: Row) -> dict[str, Any]:
    """Return a row as it is downloaded: named values, and texts in full."""
    asked, chosen, rejected = row["asked"], row["chosen_response"], row["rejected_response"]
    return {
        "prompt": row["prompt"],
        "messages": json.loads(asked["messages"]),
        "document": asked["document"],
        "outcome": row["outcome"],
        "chosen": chosen["text"],
        "rejected": rejected["text"],
        "margin": row["margin"],
        "confidence": row["confidence"],
        "chosen_generator": chosen["generator"],
        "rejected_generator": rejected["generator"],
        "chosen_response": row["chosen"],
        "rejected_response": row["rejected"],
        "source": asked["source"],
        "metadata": json.loads(asked["metadata"] or "{}"),
    }
