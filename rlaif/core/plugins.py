"""Load the user's Python code: modules in the working directory, or installed ones."""

import importlib
import os
import sys
from hashlib import sha256
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType


def leave_out_working_directory() -> None:
    """Remove the working directory from `sys.path`.

    `python -m` puts it first, so that a `yaml.py` in a stranger's folder would be imported instead of the library. Only
    `load` adds it again, at the end, for code that the user allowed.
    """
    here = os.path.realpath(os.curdir)
    if here == os.path.realpath(Path(__file__).parent.parent):
        return  # rlaif's own checkout
    sys.path[:] = [place for place in sys.path if place and os.path.realpath(place) != here]


def digest(module: str) -> str | None:
    """Return a digest of the module's source, so that an edited check gets new scores. Runs none of the module's code.

    Returns None if the module is not found; loading it will report that. Modules that it imports are not covered.
    """
    parts, places, found = module.split("."), [*sys.path, str(Path.cwd())], None
    for number in range(len(parts)):
        found = PathFinder.find_spec(".".join(parts[: number + 1]), places)
        if found is None:
            return None
        places = list(found.submodule_search_locations or [])
    source = Path(found.origin) if found and found.origin else None
    return sha256(source.read_bytes()).hexdigest()[:16] if source and source.is_file() else None


def load(module: str) -> ModuleType:
    """Import the module, which runs its code; call this only for code that the user allowed. Raises ImportError."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(module)
