"""Rows of one batch may have different columns: none is lost, whichever comes first."""

from itertools import permutations
from pathlib import Path

import pytest

from rlaif.store import Row, Store

ROWS: list[Row] = [
    {"key": "a", "text": "said", "finish": "stop", "output_tokens": 3},
    {"key": "b", "failure": "rejected", "detail": "why"},
    {"key": "c"},
]


@pytest.mark.parametrize("rows", list(permutations(ROWS)), ids=lambda rows: "".join(row["key"] for row in rows))
def test_a_batch_keeps_every_column_of_every_row(tmp_path: Path, rows: tuple[Row, ...]) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        store.append("responses", rows)
        found = store.rows("SELECT key, text, finish, output_tokens, failure, detail FROM responses ORDER BY key")
    assert [{name: value for name, value in row.items() if value is not None} for row in found] == ROWS
