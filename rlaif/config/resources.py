"""The files that come with rlaif (prompts, rubrics, pipelines), and how a named file is found."""

import shutil
from pathlib import Path

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError

FOLDERS = ("prompts", "rubrics", "pipelines")


def root() -> Path:
    """The folder that holds `prompts/`, `rubrics/` and `pipelines/`: inside the wheel, or the checkout."""
    package = Path(__file__).parents[1]
    return package / "shipped" if (package / "shipped").is_dir() else package.parent


def find(name: str, beside: Path, *, where: str = "") -> Path:
    """The file `name`: from the folder `beside`, from the folder above it, from here, or shipped; first found wins."""
    folders = (beside, beside.parent, Path(), root())
    for folder in folders:
        path = folder / name
        try:
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
    looked = f"Looked beside the pipeline file, one folder above it, in {Path().resolve()}, and among rlaif's own."
    raise InputError(f"no such file: {name}", where=where, fix=did_you_mean(name, near) or looked)


def copy_into(folder: Path) -> None:
    """Copies the shipped prompts, rubrics and pipelines into a new or empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("exists and is not empty", where=str(folder), fix="Name a new folder.")
    for name in FOLDERS:
        shutil.copytree(root() / name, folder / name)
