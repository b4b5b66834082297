"""Reads the list of pairs: a page of it, its facets, and all its rows for download."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from rlaif.core.errors import InputError
from rlaif.core.words import count_words
from rlaif.report.sql import query
from rlaif.store.store import Row, Store, sql
from rlaif.view.filters import ROWS, Filter

PAGE: Final = 25
# Rows per query of a download.
BATCH: Final = 500
# Characters of a text in the list; the page of the prompt shows all of it.
EXCERPT: Final = 700
# Prompts whose metadata is searched for names of columns.
SAMPLE: Final = 1000
COLUMNS: Final = "prompt, chosen, rejected, margin, confidence, outcome"
COUNT: Final = "(SELECT {'total': count(*), 'pairs': count(*) FILTER (outcome = 'paired')} FROM matched) AS counts"
SUBQUERIES: Final = ("by_generator", "by_text", "by_criterion", "disagreements")


@dataclass(frozen=True)
class Facets:
    """What the filters offer. `outcomes` maps the outcomes of prompts to their numbers."""

    pairings: Sequence[Row]
    outcomes: Mapping[str, int]
    generators: Sequence[str]
    criteria: Sequence[str]
    metadata: Sequence[str]


@dataclass(frozen=True)
class Listing:
    """One page of the list. `total` is the number of rows of all pages, of which `pairs` are pairs."""

    rows: Sequence[Row]
    total: int
    pairs: int
    first: int
    pages: int


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


def read_page(store: Store, filter: Filter, size: int = PAGE) -> Listing:
    """Return a page of the list. The filter must name its pairing (see `newest`)."""
    first = size * (filter.number - 1)
    rows = _rows(store, filter, size, first, COUNT)
    # A page beyond the last one has no rows, and so no total.
    counted = rows or (_rows(store, filter, 1, 0, COUNT) if first else [])
    counts = counted[0]["counts"] if counted else {"total": 0, "pairs": 0}
    shown = [_short(row) for row in _with_texts(store, rows)]
    return Listing(shown, **counts, first=first + 1, pages=-(-counts["total"] // size))


def read_around(store: Store, filter: Filter, place: int) -> tuple[Row | None, Row | None, Row | None]:
    """Return the keys of the rows before, at and after a place in the list, which counts from 1."""
    begin = max(place - 2, 0)
    rows: list[Row | None] = [*_rows(store, filter, place - begin + 1, begin)]
    before = [None] if place < 2 else []
    padded = [*before, *rows, None, None, None]
    return padded[0], padded[1], padded[2]


def read_all(store: Store, filter: Filter) -> Iterator[bytes]:
    """Yield all rows of the list as JSON lines, in batches."""
    place = 0
    while rows := _rows(store, filter, BATCH, place):
        yield b"".join(orjson.dumps(_exported(row), option=orjson.OPT_APPEND_NEWLINE) for row in _with_texts(store, rows))
        place += BATCH


def _rows(store: Store, filter: Filter, limit: int, offset: int, totals: str = "") -> list[Row]:
    """Return rows of the list without texts, which are only read for the rows that are shown."""
    conditions = filter.conditions
    names = ["rows", *([filter.relation] if filter.relation != ROWS else [])]
    names += [name for name in SUBQUERIES if f"FROM {name})" in conditions]
    given = ", ".join(f"{name} AS ({sql(f'view/sql/{name}')}\n)" for name in names)
    lengths = "" if filter.relation == ROWS else ", chosen_characters, rejected_characters"
    # DuckDB keeps the order of insertion, and stops early if nothing else must be sorted.
    kept, order = ("NOT MATERIALIZED", filter.order) if filter.is_cheap else ("MATERIALIZED", filter.order or "place")
    text = (
        f"WITH {given}, matched AS {kept} (SELECT {COLUMNS}, place{lengths} FROM {filter.relation} WHERE {conditions}) "
        f"SELECT {COLUMNS}{totals and f', {totals}'} FROM matched "
        f"{f'ORDER BY {order}' if order else ''} LIMIT {int(limit)} OFFSET {int(offset)}"
    )
    return _confined(store, text, filter) if filter.where else store.rows(text, **filter.parameters)


def _confined(store: Store, text: str, filter: Filter) -> list[Row]:
    """Run a statement with an SQL condition of the user, confined like that of `rlaif sql`."""
    try:
        return query(store, text, **filter.parameters)
    except InputError as error:
        # The line that DuckDB names is one of the whole statement.
        what = error.what.partition("\nLINE")[0].strip()
        names = "prompt, outcome, margin, confidence, request, document, source, metadata"
        fix = f"The columns are {names}, and text, characters and generator after chosen_ or rejected_."
        raise InputError(what, where="where", fix=fix) from None


def _with_texts(store: Store, rows: Sequence[Row]) -> list[Row]:
    prompts = {row["key"]: row for row in store.query("view/sql/prompt_texts", prompts=[row["prompt"] for row in rows])}
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
