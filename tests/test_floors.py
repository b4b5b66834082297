"""Imports go down the floors only, and heavy libraries are imported where they are used."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rlaif"

# From the bottom up. A module's floor is that of the longest entry that it starts with.
FLOORS = [
    ["errors", "records", "models.ask", "models.reasoning", "yaml_file", "override", "own_code", "shipped", "stop", "loop", "shared",
     "legible", "safe_output", "console"],
    ["config", "secret", "redacted", "rubric", "template", "verdict", "progress", "tiny"],
    ["models", "store", "store_file", "work", "breaker", "prices"],
    ["judges", "generator", "context", "remarks", "owed", "notes", "witness", "versions", "aside", "equip", "comparing", "budget",
     "spent", "sources", "training", "pairing"],
    ["stages"],
    ["evaluate", "explain", "report", "export", "audit", "label"],
    ["rounds"],
    ["practice"],
    ["roles", "changes"],
    ["cascade"],
    ["overlap"],
    ["evaluate.answers", "evaluate.task", "evaluate.whole"],
    ["run"],
    ["plan", "retry", "doctor", "audit.whole", "diff", "query"],
    ["cli"],
    ["__main__"],
]  # fmt: skip
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "vllm",
    "datasets",
    "accelerate",
    "scipy",
    "numpy",
    "pandas",
    "pyarrow",
    "openai",
    "aiohttp",
    "uvloop",
}
# These files are about a heavy library and are themselves imported only where they are used.
MAY_BE_HEAVY = {"models.proxied", "models.sampler", "models.generation", "models.batch", "models.reward", "models.loaded"}


def modules() -> list[tuple[str, Path]]:
    return [
        (".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"), path)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != PACKAGE / "__init__.py"
    ]


def floor(module: str) -> int:
    found = [
        (len(name), number)
        for number, names in enumerate(FLOORS)
        for name in names
        if module == name or module.startswith(name + ".")
    ]
    assert found, f"{module} has no floor; add it to FLOORS"
    return max(found)[1]


def imports(path: Path, *, top_only: bool) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_only else list(ast.walk(tree))
    names = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: str(value) if isinstance(value, str) else "")
def test_a_module_imports_only_from_its_own_floor_or_below(module: str, path: Path) -> None:
    known = {name for name, _ in modules()}
    for name in imports(path, top_only=False):
        target = name.removeprefix("rlaif.")
        if name.startswith("rlaif.") and target in known:
            assert floor(target) <= floor(module), f"{module} imports {target} from a floor above its own"
            both_stages = module.startswith("stages.") and target.startswith("stages.")
            assert not both_stages, f"{module} imports {target}: stages meet in the store, not in code"


@pytest.mark.parametrize(("module", "path"), modules(), ids=lambda value: str(value) if isinstance(value, str) else "")
def test_heavy_libraries_are_not_imported_at_the_top(module: str, path: Path) -> None:
    if module not in MAY_BE_HEAVY and not module.startswith("tiny."):
        heavy = {name.partition(".")[0] for name in imports(path, top_only=True)} & HEAVY
        assert not heavy, f"{module} imports {heavy} at its top"


def test_models_and_judges_never_touch_the_store() -> None:
    for module, path in modules():
        if module.startswith(("models", "judges")):
            assert not any("store" in name for name in imports(path, top_only=False) if name.startswith("rlaif")), module


def test_help_answers_fast_and_loads_nothing_heavy() -> None:
    rlaif = Path(sys.executable).parent / "rlaif"
    seconds = []
    for _ in range(5):
        process = subprocess.Popen([rlaif, "--help"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        seconds.append(used.ru_utime + used.ru_stime)
    # Processor time, and the best of five: the machine may be busy, the program may not be slow.
    assert min(seconds) < 0.2
    code = "import sys, rlaif.cli; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not set(loaded) & (HEAVY | {"duckdb", "pydantic", "jinja2"})
