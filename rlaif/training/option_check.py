"""Check options against TRL's and PEFT's configuration classes before a run starts.

Importing the classes takes seconds and needs PyTorch, so a child process lists their options, once per installed version:
the result is kept in the user's cache folder.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from rlaif.config.yaml import Place, YamlFile, did_you_mean
from rlaif.core.errors import InputError

LIBRARIES: Final = ("trl", "transformers", "peft")
LISTER: Final = Path(__file__).with_name("list_options.py")
# The import takes about five seconds; a cold network disk takes longer.
LIMIT_SECONDS: Final = 120.0

Options = Mapping[str, Mapping[str, Any]]
"""Dotted class name → option name → default; None stands for a computed default."""

# Options that the pipeline file sets elsewhere, that must not be stored, or that would break exact resume.
RESERVED: Mapping[str, str] = {
    "seed": "Set train.seed.",
    "data_seed": "Set train.seed.",
    "output_dir": "Set out: everything goes into that folder.",
    "resume_from_checkpoint": "Leave it out: a stopped training always continues from its last checkpoint.",
    "save_only_model": "Leave it out: without the optimizer's state nothing can be continued exactly.",
    "ignore_data_skip": "Leave it out: a continued training would see other data than an unbroken one.",
    "sync_ref_model": "Leave it out: checkpoints lack the moving reference, so nothing could be continued exactly.",
    "hub_token": "Leave it out, so that no secret is stored, and log in with `hf auth login`.",
}


def refuse(
    options: Mapping[str, Any],
    known: Mapping[str, Any],
    owner: str,
    file: YamlFile,
    place: Place,
    elsewhere: Mapping[str, str] | None = None,
) -> None:
    """Raise InputError, with the line, for an option that is reserved or not in `known`, the class's options and defaults.

    `owner` is the name of the class for the message; `elsewhere` names the training method that has an unknown option.
    """
    for name, value in options.items():
        where = file.where((*place, name))
        if name in RESERVED:
            raise InputError(f"{name} cannot be set here", where=where, fix=RESERVED[name])
        if name not in known:
            other = (elsewhere or {}).get(name)
            fix = f"`method: {other}` has it." if other else did_you_mean(name, known)
            raise InputError(f"{owner} has no option {name!r}", where=where, fix=fix)
        if isinstance(known[name], int | float) and isinstance(value, str | list | dict):
            raise InputError(f"must be like {known[name]!r}, not {value!r}", where=where)


def class_options(names: Sequence[str]) -> Options:
    """Return the options of configuration classes, given by dotted name; classes that cannot be imported are missing."""
    versions = {library: _version(library) for library in LIBRARIES}
    if versions["trl"] is None and versions["peft"] is None:
        return {}
    key = hashlib.sha256(json.dumps([versions, sorted(names)]).encode()).hexdigest()[:16]
    file = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "rlaif" / f"options-{key}.json"
    with suppress(OSError, ValueError):
        kept: Options = json.loads(file.read_text("utf-8"))
        return kept
    found = _list_options(names)
    if found:
        _keep(found, file)
    return found


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _list_options(names: Sequence[str]) -> Options:
    """Return what the child process finds; nothing if it fails, because training then reports the reason."""
    # Without -P, the folder of the script would be searched first, and its accelerate.py is not the library.
    command = [sys.executable, "-P", str(LISTER), *names]
    silent = {"HF_HUB_DISABLE_TELEMETRY": "1", "TRL_EXPERIMENTAL_SILENCE": "1"}
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=LIMIT_SECONDS, env=os.environ | silent
        )
        found = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return {}
    return {name: options for name, options in found.items() if options is not None}


def _keep(found: Options, file: Path) -> None:
    """Write the cache file; a folder that cannot be written only costs time."""
    partial = file.with_suffix(f".{os.getpid()}.partial")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(found), "utf-8")
        partial.replace(file)
