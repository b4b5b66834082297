"""The notebooks in `examples/` run from top to bottom, offline."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def code(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
@pytest.mark.tiny
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, text in enumerate(code(path)):
        # A file, so that the source of functions is known, as it is in Jupyter.
        cell = tmp_path / f"{path.stem}_{number}.py"
        cell.write_text(text)
        tree = ast.parse(text)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(cell), "exec"), names)
        if isinstance(last, ast.Expr):
            # Jupyter shows the last expression of a cell; relations are evaluated only then.
            shown = eval(compile(ast.Expression(last.value), str(cell), "eval"), names)
            print(shown._repr_html_() if hasattr(shown, "_repr_html_") else repr(shown))
    assert list(tmp_path.glob("runs/*/store.duckdb"))


def test_notebooks_are_stored_without_results() -> None:
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs"), path.name
            assert cell.get("execution_count") is None, path.name
