"""Find files that a pipeline names, among them the prompts, rubrics and pipelines that ship with rlaif."""

import shutil
from pathlib import Path

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError

FOLDERS = ("prompts", "rubrics", "pipelines")


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


def copy_into(folder: Path) -> None:
    """Copy the shipped prompts, rubrics and pipelines into a new or empty folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("exists and is not empty", where=str(folder), fix="Name a new folder.")
    for name in FOLDERS:
        shutil.copytree(root() / name, folder / name)
