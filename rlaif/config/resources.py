"""Find files that a pipeline names, among them the prompts, rubrics and pipelines that ship with rlaif."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.core.types import key

FOLDERS = ("prompts", "rubrics", "pipelines")
# The files and folders that this process looked for, each with its state when it first did.
_LOOKED_FOR: Final[dict[Path, str]] = {}


def root() -> Path:
    """Return the folder that holds `prompts/`, `rubrics/` and `pipelines/`: inside the wheel, or the checkout."""
    package = Path(__file__).parents[1]
    return package / "shipped" if (package / "shipped").is_dir() else package.parent


def find(name: str, beside: Path, *, where: str = "") -> Path:
    """Return the path of the file `name`, the first that exists of: the folder `beside`, its parent folder, the working
    directory, and the files shipped with rlaif. Raises InputError (at `where`) if there is none."""
    folders = (beside, beside.parent, Path(), root())
    for folder in folders:
        path = folder / name
        try:
            note(path)
            if path.exists():
                return path
        except (OSError, ValueError) as error:  # a name that is too long, or that holds a zero byte
            raise InputError(f"not a file name: {error}", where=where) from None
    near = {
        str(Path(name).with_name(item.name))
        for folder in folders
        if (folder / name).parent.is_dir()
        for item in (folder / name).parent.iterdir()
        if item.suffix == Path(name).suffix
    }
    looked = f"Looked in the pipeline's folder, its parent folder, {Path().resolve()}, and the files shipped with rlaif."
    raise InputError(f"no such file: {name}", where=where, fix=did_you_mean(name, near) or looked)


def note(path: Path) -> None:
    """Remember the state in which a file or folder that a pipeline names is used; call this before it is read."""
    if (absolute := path.absolute()) not in _LOOKED_FOR:
        _LOOKED_FOR[absolute] = stamp(absolute)


def looked_for() -> Mapping[Path, str]:
    """Return the files and folders that this process looked for, found or not, each with its state when it first did."""
    return MappingProxyType(_LOOKED_FOR)


def stamp(path: Path, without: str = "") -> str:
    """Return a digest of the sizes, times and inodes of a file, or of all files in a folder but `without`; "" if absent.

    Compiled Python is left out. Two stamps are equal if nothing was written in between, and nothing moved into its place.
    """
    try:
        files = sorted(file for file in _files(path) if not without or file != path / without)
        return key([_state(file) for file in files]) if path.exists() else ""
    except (OSError, ValueError):  # a name that is too long, or that holds a zero byte
        return ""


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(folder, name) for name in names)


def _state(file: Path) -> list[str | int]:
    # A path that is not valid UTF-8 cannot be digested unchanged.
    name = ascii(file)
    try:
        state = file.stat()
    except OSError:
        return [name]
    return [name, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]


def copy_into(folder: Path) -> None:
    """Copy the shipped prompts, rubrics and pipelines into a new or empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("exists and is not empty", where=str(folder), fix="Name a new folder.")
    for name in FOLDERS:
        shutil.copytree(root() / name, folder / name)
