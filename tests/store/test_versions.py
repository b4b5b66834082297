"""A store of an older rlaif is brought up to date, with a copy of what it was; one that cannot be is refused in words."""

from pathlib import Path

import duckdb
import pytest

from rlaif.core.errors import StoreError
from rlaif.store.database import PACKAGE
from rlaif.store.store import OLDEST_VERSION, SCHEMA_VERSION, Row, Store
from tests.support.paths import TESTS

OLD = TESTS / "old"
COLUMNS = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = 'store' AND NOT internal ORDER BY ALL"


def old_store(path: Path, version: int = 3) -> Path:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS store (STORAGE_VERSION 'v1.5.0')")
        connection.execute("USE store")
        connection.execute((OLD / "schema_3.sql").read_text())
        connection.execute("INSERT INTO responses BY NAME SELECT 'r' AS key, 'said' AS text, 'a' AS answer")
        connection.execute("UPDATE meta SET value = ?", [str(version)])
    return path


def columns(store: Store) -> list[Row]:
    return store.rows(COLUMNS)


@pytest.mark.fault("P6")
def test_a_store_of_schema_3_becomes_one_of_today_and_keeps_its_rows_and_a_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = old_store(tmp_path / "store.duckdb")
    with Store(path) as store, Store(tmp_path / "new.duckdb") as new:
        assert store.meta("schema") == str(SCHEMA_VERSION)
        assert columns(store) == columns(new)
        assert store.rows("SELECT key, text FROM responses") == [{"key": "r", "text": "said"}]
    assert "from schema 3 to" in capsys.readouterr().err
    with duckdb.connect(str(tmp_path / "store.duckdb.schema-3"), read_only=True) as kept:
        assert kept.execute("SELECT value FROM meta").fetchall() == [("3",)]
        assert kept.execute("SELECT text FROM responses").fetchall() == [("said",)]
    with Store(path, read_only=True) as store:
        assert store.meta("schema") == str(SCHEMA_VERSION)
    assert capsys.readouterr().err == ""


def test_the_outcomes_of_an_older_store_are_unchanged(tmp_path: Path) -> None:
    told = [
        ("p", None, "paired"),
        ("p", "a", "chosen"),
        ("p", "b", "rejected"),
        ("p", "c", "not selected by the strategy"),
        ("p", "d", "same text as another"),
        ("q", None, "tied"),
        ("q", "e", "prompt without a pair: tied"),
        ("q", "f", "not scored: timeout"),
        ("q", "g", "not generated: refused"),
    ]
    path = old_store(tmp_path / "store.duckdb")
    with duckdb.connect(str(path)) as connection:
        connection.execute("""INSERT INTO pairings BY NAME SELECT 'x' AS key, '{"generators": ["w"]}' AS spec""")
        connection.execute("INSERT INTO pairs BY NAME SELECT 'x' AS pairing, 'p' AS prompt, 'a' AS chosen, 'b' AS rejected")
        for prompt, response, outcome in told:
            connection.execute("INSERT INTO outcomes VALUES ('x', ?, ?, ?)", [prompt, response, outcome])
            failure = "refused" if response == "g" else None
            connection.execute(
                "INSERT INTO responses BY NAME SELECT ? AS key, ? AS prompt, 'w' AS generator, ? AS failure",
                [response, prompt, failure],
            ) if response else None
    with Store(path) as store:
        found = store.rows("SELECT prompt, response, outcome FROM outcomes ORDER BY prompt, response NULLS FIRST")
        assert [tuple(row.values()) for row in found] == told


def test_every_schema_since_the_oldest_has_its_step() -> None:
    steps = {path.stem for path in (PACKAGE / "store/migrate").glob("to_*.sql")}
    assert steps == {f"to_{version}" for version in range(OLDEST_VERSION + 1, SCHEMA_VERSION + 1)}


@pytest.mark.fault("P6")
@pytest.mark.parametrize(
    ("version", "read_only", "said"),
    [
        (3, True, "`rlaif collect` upgrades it"),
        (2, False, "use the rlaif version that made it"),
        (999, False, "Update rlaif"),
    ],
)
def test_a_store_that_cannot_be_read_is_refused_with_both_versions_and_what_to_do(
    tmp_path: Path, version: int, read_only: bool, said: str
) -> None:
    path = old_store(tmp_path / "store.duckdb", version)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=said) as error:
        Store(path, read_only=read_only)
    assert f"schema {version}, this one reads {SCHEMA_VERSION}" in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.fault("P6")
def test_another_database_is_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS other (STORAGE_VERSION 'v1.5.0')")
        connection.execute("CREATE TABLE other.meta (name VARCHAR, value VARCHAR)")
    with pytest.raises(StoreError, match="not a store of rlaif"):
        Store(path)


@pytest.mark.fault("P1", "P6")
def test_a_migration_that_fails_half_way_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = old_store(tmp_path / "store.duckdb")
    with duckdb.connect(str(path)) as connection:
        # In the way of the views, which come last.
        connection.execute("DROP VIEW current_prompts")
        connection.execute("CREATE TABLE current_prompts (key VARCHAR)")
    for _ in range(2):
        with pytest.raises(StoreError, match="current_prompts"):
            Store(path)
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchall() == [("3",)]
