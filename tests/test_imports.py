"""Imports go down the levels of the package only, heavy libraries are imported where they are used, and no test imports another."""

import ast
import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT, TESTS

PACKAGE = ROOT / "rlaif"

# From the bottom up. Entries of one level do not import each other.
LEVELS = [
    ["core"],
    ["store", "config", "demo"],
    ["models"],
    ["context", "data", "judging"],
    ["pairs", "evaluation", "training"],
    ["report"],
    ["view"],
    ["pipeline"],
    ["estimate"],
    ["doctor", "api"],
    ["cli"],
]
LEVEL = {entry: number for number, entries in enumerate(LEVELS) for entry in entries}
HEAVY = {
    "accelerate",
    "aiohttp",
    "anthropic",
    "datasets",
    "numpy",
    "openai",
    "pandas",
    "pyarrow",
    "ray",
    "scipy",
    "torch",
    "transformers",
    "trl",
    "uvloop",
    "vllm",
}
# These modules are about a heavy library and are themselves imported only where they are used.
MAY_BE_HEAVY = {
    "models.openai.proxied",
    "models.local.sampler",
    "models.local.decoding",
    "models.local.engine",
    "models.local.batching",
    "models.local.reward_engine",
    "models.local.loader",
}


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.parent != PACKAGE or path.name == "api.py"
    }


def imports(path: Path, *, top_only: bool) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = []
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def test_every_entry_of_the_package_has_a_level() -> None:
    entries = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert entries | {"api"} == set(LEVEL)
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "api.py"}


def test_imports_go_down() -> None:
    upwards = []
    for module, path in modules().items():
        entry = module.partition(".")[0]
        for name in imports(path, top_only=False):
            target = name.removeprefix("rlaif.").partition(".")[0]
            if name.startswith("rlaif.") and target in LEVEL and target != entry and LEVEL[target] >= LEVEL[entry]:
                upwards.append(f"{module} imports {name}")
    assert not upwards


def test_no_test_module_imports_another() -> None:
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in imports(path, top_only=False)
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split("."))
    ]
    assert not found, "shared helpers live in tests/support/"


def test_heavy_libraries_are_not_imported_at_the_top() -> None:
    found = []
    for module, path in modules().items():
        heavy = {name.partition(".")[0] for name in imports(path, top_only=True)} & HEAVY
        if heavy and module not in MAY_BE_HEAVY and not module.startswith("demo."):
            found.append(f"{module} imports {', '.join(sorted(heavy))}")
    assert not found


def test_models_and_judging_never_touch_the_store() -> None:
    found = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if module.startswith(("models", "judging"))
        for name in imports(path, top_only=False)
        if name.startswith("rlaif.store")
    ]
    assert not found


def test_help_answers_fast_and_loads_nothing_heavy() -> None:
    rlaif = Path(sys.executable).parent / "rlaif"
    seconds = []
    for _ in range(5):
        process = subprocess.Popen([rlaif, "--help"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        seconds.append(used.ru_utime + used.ru_stime)
    # Processor time, and the best of five: the machine may be busy.
    assert min(seconds) < 0.2
    code = "import sys, rlaif, rlaif.cli; print(' '.join(sys.modules))"
    loaded = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    assert not loaded & (HEAVY | {"duckdb", "jinja2", "pydantic"})
