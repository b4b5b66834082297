"""Code of the user's own: modules of the folder that a command is called in, or installed ones."""

import importlib
import sys
from hashlib import sha256
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType


def digest(module: str) -> str | None:
    """A digest of the module's source, of which nothing is run, so that scores of an edited one are told from the old ones.

    None for one that is not found: loading it will say so. What it imports itself is not looked at.
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
    """The module, which runs what it says. Raises ImportError."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return importlib.import_module(module)
