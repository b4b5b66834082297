"""The views of `store/views.sql`: which of them a query uses.

Binding all of them takes longer than most queries, so that a connection creates only those that its queries use.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from rlaif.core.words import SQL_WORD

_START: Final = "CREATE OR REPLACE VIEW"
_COMMENT: Final = re.compile(r"^\s*--.*\n", re.MULTILINE)
# What lists names or puts them together while the query runs, so that its text does not show which views it uses.
_ANY_NAME: Final = re.compile(r"\b(?:query(?:_table)?\s*\(|show\b|duckdb_\w+|information_schema\b|pragma\b)", re.IGNORECASE)


@cache
def views_text() -> str:
    """Return all statements; {SQL_WORD} in the file is the pattern of a word."""
    text = Path(__file__).with_name("views.sql").read_text(encoding="utf-8")
    return text.replace("{SQL_WORD}", SQL_WORD)


@cache
def statements() -> Mapping[str, str]:
    """Return the statement that creates each view, by name. A view uses only views before it."""
    parts = _COMMENT.sub("", views_text()).split(_START)[1:]
    return {part.split(maxsplit=1)[0]: f"{_START}{part}" for part in parts}


@lru_cache(1024)
def views_used(text: str) -> tuple[str, ...]:
    """Return the names of the views that a query names, and of those that they are made of, in order of creation."""
    if _ANY_NAME.search(text):
        return tuple(statements())
    names = re.compile(rf"\b(?:{'|'.join(statements())})\b", re.IGNORECASE)
    used = {name.lower() for name in names.findall(text)}
    for name, statement in reversed(list(statements().items())):
        if name in used:
            used.update(names.findall(statement))
    return tuple(name for name in statements() if name in used)
