"""The store: what is appended is all there, and standard output is left to the commands."""

import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

from rlaif.store.store import Row, Store

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


def test_duckdb_draws_no_progress_bar(tmp_path: Path) -> None:
    asked = "SELECT current_setting('enable_progress_bar') AS bar"
    opened = "import sys; from pathlib import Path; from rlaif.store.store import Store; store = Store(Path(sys.argv[1]))"
    words = f"{opened}; print(store.rows({asked!r}))"
    done = subprocess.run([sys.executable, "-c", words, str(tmp_path / "store.duckdb")], capture_output=True, text=True)
    assert done.stdout == "[{'bar': False}]\n"
