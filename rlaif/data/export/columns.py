"""Builds the columns of an export in the database: one table with everything that any form may show.

Columns have plain types, so that every reader of Parquet understands them. Only conversations with tool calls are lists of
JSON, because the arguments differ from call to call.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import orjson

from rlaif.core.tool_calls import assistant_turn, template_input
from rlaif.store.store import Store, sql

Source = Literal["pair", "list"]
# The texts of a source's rows, and the column with the id of each.
_TEXTS: Mapping[Source, Mapping[str, str]] = {
    "pair": {"chosen": "chosen_id", "rejected": "rejected_id"},
    "list": {"response": "response_id"},
}
# The answers whose scores a source shows: far fewer than all, if it has pairs.
_SHOWN: Mapping[Source, str] = {
    "pair": """
        CREATE OR REPLACE TABLE memory.shown_answers AS
        SELECT answer FROM responses SEMI JOIN (
            SELECT unnest([chosen, rejected]) AS key FROM pairs WHERE pairing = $pairing
        ) AS paired ON paired.key = responses.key
    """,
    "list": "CREATE OR REPLACE TABLE memory.shown_answers AS SELECT answer FROM responses",
}
# The judge of a pairing, or several and how they are combined, as one text.
_JUDGE = """
    SELECT string_agg(name, ', ' ORDER BY place) || coalesce(' (' || any_value(mix) || ')', '') AS name
    FROM pairing_judges WHERE pairing = $pairing GROUP BY pairing
"""
_CRITERIA = "SELECT DISTINCT name FROM pairing_criteria WHERE pairing = $pairing ORDER BY name"
# Conversations with tools as chat templates read them: prompts by their messages as stored, responses by id.
_TOOL_TURNS = """
    CREATE OR REPLACE TABLE memory.tool_prompts (asked VARCHAR, messages VARCHAR, tools VARCHAR);
    CREATE OR REPLACE TABLE memory.tool_answers (id VARCHAR, turn JSON)
"""
# Empty tables in place of those of `rationales.sql`.
_NO_RATIONALES = """
    CREATE OR REPLACE TABLE memory.export_rationales (answer VARCHAR, rationales JSON);
    CREATE OR REPLACE TABLE memory.comparison_rationales (one VARCHAR, other VARCHAR, rationales VARCHAR[])
"""
_TOOL_PROMPTS = "LEFT JOIN tool_prompts ON tool_prompts.asked = asked_texts.messages"
_PLAIN = '[{"role": "VARCHAR", "content": "VARCHAR"}]'
_REASONED = '[{"role": "VARCHAR", "content": "VARCHAR", "reasoning_content": "VARCHAR"}]'
# Whether messages have keys that only conversations with tools have. A quoted key inside a text has a backslash before the
# second quote.
_USES_TOOLS = " OR ".join(f"contains(messages, '\"{key}\":')" for key in ("tools", "tool_calls", "tool_call_id", "name"))
# Readable types in place of those that DuckDB infers from JSON.
_TYPES = {"UBIGINT": "BIGINT", "HUGEINT": "DOUBLE", "UHUGEINT": "DOUBLE", "JSON": "VARCHAR", "NULL": "VARCHAR"}


@dataclass(frozen=True)
class Options:
    """What an export shows: the pairing, the share of held-out prompts in ten-thousandths, and optional columns."""

    pairing: str
    held_out: int
    reasoning: bool = False
    rationales: bool = False


@contextmanager
def prepared(store: Store, source: Source, options: Options) -> Iterator[frozenset[str]]:
    """Make the view `export` of a pairing inside this context, and yield the names of its columns that are empty."""
    values = {"pairing": options.pairing, "held_out": options.held_out}
    try:
        store.run(_SHOWN[source], **values)
        rationales = sql("data/export/sql/rationales") if options.rationales else _NO_RATIONALES
        lists = ["list_texts"] if source == "list" else []
        texts = [sql(f"data/export/sql/{name}") for name in ("response_texts", "pair_texts", *lists)]
        scores = sql("data/export/sql/export_scores").replace("{by_criterion}", _scores_by_criterion(store, options.pairing))
        for text in (rationales, scores, *texts):
            store.run(text, **values)
        expressions = _expressions(store, source, options)
        text = sql(f"data/export/sql/{source}s")
        for name, expression in expressions.items():
            text = text.replace("{" + name + "}", expression)
        store.run(text)
        yield _empty(store, source, expressions)
    finally:
        store.execute("data/export/sql/clear")


def _empty(store: Store, source: Source, expressions: Mapping[str, str]) -> frozenset[str]:
    absent = {name for name, expression in expressions.items() if expression == "NULL"}
    if source == "list" or not store.rows("SELECT 1 AS found FROM comparison_rationales LIMIT 1"):
        absent.add("comparison_rationales")
    # Forms with one response per row have these columns without the side.
    return frozenset(absent | {name.removesuffix("_chosen") for name in absent})


def _expressions(store: Store, source: Source, options: Options) -> dict[str, str]:
    """Return the SQL of each column, by name; NULL if the column is empty."""
    table, tools = f"{source}_texts", _has_tools(store, source)
    store.run(_TOOL_TURNS)
    if tools:
        _convert(store, source)
    names = store.query(_JUDGE, pairing=options.pairing)
    found = {
        "prompt": _prompt(tools, options.reasoning),
        "tools": "tools" if tools else "NULL",
        "joins": _joins(source) if tools else "",
        "judge": _quoted(names[0]["name"]) if names and names[0]["name"] else "NULL",
        "metadata": _typed(store, table, "metadata", _structure(store, table, "metadata")),
    }
    found |= {text: _turn(text, tools, options.reasoning) for text in _TEXTS[source]}
    sides = [f"_{text}" for text in _TEXTS[source]] if source == "pair" else [""]
    scored = store.rows(f"SELECT 1 AS found FROM {table} WHERE criterion_scores{sides[0]} IS NOT NULL LIMIT 1")
    found |= {f"criterion_scores{side}": f"criterion_scores{side}" if scored else "NULL" for side in sides}
    criteria = {name: "VARCHAR" for side in sides for name in _structure(store, table, f"rationales{side}")}
    return found | {f"rationales{side}": _typed(store, table, f"rationales{side}", criteria) for side in sides}


def _scores_by_criterion(store: Store, pairing: str) -> str:
    """Return the SQL that gathers an answer's scores by criterion: a struct, or JSON text if names cannot be its fields."""
    names = [row["name"] for row in store.rows(_CRITERIA, pairing=pairing)]
    scores = {name: f"max(scores.score) FILTER (criteria.name = {_quoted(name)})::DOUBLE" for name in names}
    if not all(names) or not _differ_in_more_than_case(scores):
        return f"json_object({', '.join(f'{_quoted(name)}, {score}' for name, score in scores.items())})::VARCHAR"
    return f"{{{', '.join(f'{_quoted(name)}: {score}' for name, score in scores.items())}}}" if names else "NULL::VARCHAR"


def _joins(source: Source) -> str:
    """Return the joins that find the turns with tools."""
    sides = [f"LEFT JOIN tool_answers AS {text}_turn ON {text}_turn.id = {key}" for text, key in _TEXTS[source].items()]
    return "\n".join([_TOOL_PROMPTS, *sides])


def _has_tools(store: Store, source: Source) -> bool:
    return bool(store.rows(f"SELECT 1 AS found FROM {source}_texts WHERE {_USES_TOOLS} LIMIT 1"))


def _convert(store: Store, source: Source) -> None:
    """Fill the tables `tool_prompts` and `tool_answers` with the conversations that have tools."""
    table = f"{source}_texts"
    prompts = store.rows(f"SELECT DISTINCT messages FROM {table} WHERE {_USES_TOOLS}")
    store.append("tool_prompts", [_asked(row["messages"]) for row in prompts])
    sides = [f"SELECT {key} AS id, {text} AS text, messages FROM {table}" for text, key in _TEXTS[source].items()]
    calling = f"({_USES_TOOLS}) AND contains(text, '<tool_call>')"
    answers = store.rows(f"SELECT DISTINCT ON (id) * FROM ({' UNION ALL '.join(sides)}) WHERE {calling}")
    store.append("tool_answers", [_answered(row) for row in answers])


def _asked(messages: str) -> dict[str, Any]:
    turns, tools = template_input(orjson.loads(messages))
    return {"asked": messages, "messages": _json(turns), "tools": _json(tools) if tools else None}


def _answered(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["id"], "turn": _json(assistant_turn(row["text"], orjson.loads(row["messages"])))}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _prompt(tools: bool, reasoning: bool) -> str:
    if tools:
        return "from_json(coalesce(tool_prompts.messages, asked_texts.messages), '[\"JSON\"]')"
    return f"from_json(asked_texts.messages, '{_REASONED if reasoning else _PLAIN}')"


def _turn(text: str, tools: bool, reasoning: bool) -> str:
    """Return the SQL of a response as an assistant's message."""
    thought = f"{text}_reasoning"
    if not tools:
        return f"{{'role': 'assistant', 'content': {text}" + (f", 'reasoning_content': {thought}}}" if reasoning else "}")
    turn = f"coalesce({text}_turn.turn, json_object('role', 'assistant', 'content', {text}))"
    return f"json_merge_patch({turn}, json_object('reasoning_content', {thought}))" if reasoning else turn


def _structure(store: Store, table: str, column: str) -> dict[str, Any]:
    """Return the types of the JSON objects in a column by key; empty if they have no keys."""
    distinct = f"SELECT DISTINCT TRY_CAST({column} AS JSON) AS value FROM {table}"
    query = f"SELECT json_group_structure(value)::VARCHAR AS found FROM ({distinct})"
    found = json.loads(store.rows(query)[0]["found"] or "null")
    return {name: _plain_type(kind) for name, kind in found.items()} if isinstance(found, dict) else {}


def _plain_type(kind: Any) -> Any:
    if isinstance(kind, dict):
        return {name: _plain_type(each) for name, each in kind.items()} or "VARCHAR"
    if isinstance(kind, list):
        return [_plain_type(each) for each in kind] or ["VARCHAR"]
    return _TYPES.get(kind, kind)


def _typed(store: Store, table: str, column: str, structure: Mapping[str, Any]) -> str:
    """Return the SQL of a column of JSON objects as structs; as JSON text if its keys cannot be fields of a struct."""
    if not structure:
        return "NULL"
    if not _differ_in_more_than_case(structure):
        return f"{column}::VARCHAR"
    expression = f"from_json({column}, {_quoted(json.dumps(structure))})"
    try:
        store.rows(f"SELECT {expression} FROM {table} LIMIT 0")
    except duckdb.Error:
        return f"{column}::VARCHAR"
    return expression


def _differ_in_more_than_case(structure: Any) -> bool:
    """Whether no object has two keys that differ only in case, as `{"A": 1, "a": 2}` has: fields of a struct ignore case."""
    if isinstance(structure, Mapping):
        distinct = len({name.casefold() for name in structure}) == len(structure)
        return distinct and all(map(_differ_in_more_than_case, structure.values()))
    return all(map(_differ_in_more_than_case, structure)) if isinstance(structure, list) else True


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def described(store: Store, query: str) -> Sequence[tuple[str, str]]:
    """Return the names and types of a query's columns."""
    return [(row["column_name"], row["column_type"]) for row in store.rows(f"DESCRIBE {query}")]
