"""`collect --guess` names the layout of every golden file, whatever the file's format."""

import json
from pathlib import Path

import datasets
import pyarrow
import pyarrow.parquet
import pytest
import yaml
from typer.testing import CliRunner

from rlaif.cli import app
from rlaif.data.guess import guess
from rlaif.data.layouts import names
from tests.support.paths import TESTS

GOLDEN = TESTS / "data" / "layouts"
# Files in these shapes have the columns of another layout, which reads them in the same way.


def source(section: str) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(section)["collect"]["sources"][0]
    return found


@pytest.mark.parametrize("name", names())
def test_the_layout_is_found_in_jsonl_parquet_and_a_saved_dataset(name: str, tmp_path: Path) -> None:
    golden = GOLDEN / f"{name}.jsonl"
    rows = [json.loads(line) for line in golden.read_text(encoding="utf-8").splitlines()]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "saved"))
    for path in (golden, tmp_path / "rows.parquet", tmp_path / "saved"):
        found = guess(path)
        assert source(found.section).get("layout") == name, path
        assert len(found.rows) == 3
        assert not found.warnings


def test_a_dotted_path_is_found_without_a_layout(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"query": "Why?", "completions": [{"response": "Because."}]}) + "\n")
    found = guess(path)
    assert source(found.section)["columns"] == {"prompt": "query", "responses": "completions.response"}
    assert found.warnings


def test_the_command_prints_the_section_and_stores_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["collect", "--guess", str(GOLDEN / "shp.jsonl")])
    assert result.exit_code == 0
    assert "layout: shp" in result.output
    assert "preference of human: response 2 is better than 1" in result.output
    assert not list(tmp_path.iterdir())
