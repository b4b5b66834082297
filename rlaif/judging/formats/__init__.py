"""The native formats of fine-tuned judges. Each module is one format, named after its file, with a `FORMAT`.

The template for rating a response is `prompts/judge/NAME.jinja`, that for comparing two `prompts/judge/NAME_compare.jinja`.
Section headings and the wording of the reply's format are those that the model was trained on; all other wording is ours.
"""

from functools import cache
from importlib import import_module
from pathlib import Path

from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.judging.native import Format


def names() -> list[str]:
    """Return the names of the formats."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")


@cache
def load(name: str) -> Format:
    """Return the format of that name. Raises InputError if there is none."""
    if name not in names():
        raise InputError(f"unknown format {name!r}", fix=did_you_mean(name, names()))
    found: Format = import_module(f"{__name__}.{name}").FORMAT
    return found


def template_file(template: str, name: str | None) -> str:
    """Return the file of a template that only some kinds of criteria use, in the format `name` if there is one."""
    return f"prompts/judge/{name}_{template}.jinja" if name else f"prompts/judge/{template}.jinja"
