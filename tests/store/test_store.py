"""The store: what is appended is all there, and standard output is left to the commands."""

import subprocess
import sys
from itertools import permutations
from pathlib import Path

import duckdb
import pytest

from rlaif.core.errors import StoreError
from rlaif.store.store import Row, Store
from rlaif.store.views import statements

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


def objects(path: Path) -> list[tuple[str, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        listed = "SELECT table_name, sql FROM duckdb_tables() UNION ALL SELECT view_name, sql FROM duckdb_views() WHERE NOT internal"
        return connection.execute(f"{listed} ORDER BY ALL").fetchall()


def test_all_new_stores_of_a_process_are_alike_and_each_takes_its_own_rows(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.duckdb" for number in range(4)]
    reopened = "import sys; from pathlib import Path; from rlaif.store.store import Store; Store(Path(sys.argv[1]))"
    for path in paths:
        with Store(path) as store:
            store.append("responses", [{"key": path.stem}])
            other = subprocess.run([sys.executable, "-c", reopened, str(path)], capture_output=True, text=True)
            assert "in use by process" in other.stderr, "it is locked however it was made"
    for path in paths:
        with Store(path) as store:
            assert store.rows("SELECT key FROM responses") == [{"key": path.stem}]
        assert objects(path) == objects(paths[0]), "the first two are made by statements, the others as copies"
    assert sorted(tmp_path.iterdir()) == paths, "no draft is left"


def test_a_store_that_another_process_has_changed_is_checked_again(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    Store(path).close()
    Store(path).close()
    script = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('ALTER TABLE prompts DROP document')"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    with pytest.raises(StoreError, match="'document' of table 'prompts'"):
        Store(path)


def test_duckdb_draws_no_progress_bar(tmp_path: Path) -> None:
    asked = "SELECT current_setting('enable_progress_bar') AS bar"
    opened = "import sys; from pathlib import Path; from rlaif.store.store import Store; store = Store(Path(sys.argv[1]))"
    words = f"{opened}; print(store.rows({asked!r}))"
    done = subprocess.run([sys.executable, "-c", words, str(tmp_path / "store.duckdb")], capture_output=True, text=True)
    assert done.stdout == "[{'bar': False}]\n"


@pytest.mark.parametrize("view", statements())
def test_a_query_gets_the_views_that_it_uses_in_any_spelling_and_inside_a_transaction_too(view: str, tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        with store.transaction():
            assert store.rows(f"SELECT count(*) AS n FROM {view.upper()} -- all")[0]["n"] == 0
        # A cursor does not see what a transaction made for itself.
        assert list(store.stream(f'SELECT count(*) AS n FROM "{view}"')) == [{"n": 0}]


def test_a_view_of_the_file_is_not_read_even_if_a_query_builds_its_name(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    Store(path).close()
    with duckdb.connect(str(path)) as file:
        file.execute("CREATE OR REPLACE VIEW prompts_readable AS SELECT 'planted' AS request")
    with Store(path) as store:
        assert store.rows("FROM query_table('prompts_' || 'readable')") == []
        assert store.rows("SELECT request FROM Prompts_Readable") == []


def test_views_of_the_file_are_renewed_only_if_they_differ(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    Store(path).close()
    noted = "SELECT rowid, name, value FROM meta ORDER BY name"
    with duckdb.connect(str(path)) as file:
        before = file.execute(noted).fetchall()
    Store(path).close()
    with duckdb.connect(str(path)) as file:
        # Renewing them would replace these rows.
        assert file.execute(noted).fetchall() == before
        file.execute("CREATE OR REPLACE VIEW outcomes AS SELECT 1 AS planted")
    Store(path).close()
    with duckdb.connect(str(path)) as file:
        assert [row[1:] for row in file.execute(noted).fetchall()] == [row[1:] for row in before]
        assert "planted" not in [row[0] for row in file.execute("DESCRIBE outcomes").fetchall()]
