"""Read the options of TRL's and PEFT's configuration classes from their source files.

Importing them would take seconds and need PyTorch.
"""

import ast
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rlaif.config.yaml import Place, YamlFile, did_you_mean
from rlaif.core.errors import InputError

# The source files of each package that define these classes and their base classes.
SOURCES: Final = {
    "trl": (
        "trainer/*_config.py",
        "experimental/orpo/*_config.py",
        "experimental/cpo/*_config.py",
        "experimental/online_dpo/*_config.py",
    ),
    "transformers": ("training_args.py",),
    "peft": ("tuners/lora/config.py", "config.py"),
}
# Base classes without options.
PLAIN: Final = frozenset({"PushToHubMixin"})

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


def refuse(options: Mapping[str, Any], known: Mapping[str, Any], owner: str, file: YamlFile, place: Place) -> None:
    """Raise InputError, with the line, for an option that is reserved or not in `known`, the class's options and defaults.

    `owner` is the name of the class for the message.
    """
    for name, value in options.items():
        where = file.where((*place, name))
        if name in RESERVED:
            raise InputError(f"{name} cannot be set here", where=where, fix=RESERVED[name])
        if name not in known:
            raise InputError(f"{owner} has no option {name!r}", where=where, fix=did_you_mean(name, known))
        if isinstance(known[name], int | float) and isinstance(value, str | list | dict):
            raise InputError(f"must be like {known[name]!r}, not {value!r}", where=where)


def declared(name: str) -> dict[str, Any] | None:
    """Return the options of a configuration class and their defaults; None stands for a computed default.

    Returns None if the libraries are not installed or their source files have an unknown structure.
    """
    found = _class(name)
    if found is None:
        return None
    options: dict[str, Any] = {}
    for base in found.bases:
        inherited = {} if ast.unparse(base) in PLAIN else declared(ast.unparse(base))
        if inherited is None:
            return None
        options |= inherited
    return options | dict(_fields(found))


def _class(name: str) -> ast.ClassDef | None:
    # Most files need not be parsed to find out that they lack the class.
    texts = (text for text in map(Path.read_text, _sources()) if f"\nclass {name}" in text)
    nodes = (node for text in texts for node in ast.parse(text).body)
    return next((node for node in nodes if isinstance(node, ast.ClassDef) and node.name == name), None)


def _sources() -> Iterator[Path]:
    for package, patterns in SOURCES.items():
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for pattern in patterns:
                yield from sorted(Path(folder).glob(pattern))


def _fields(found: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    """Yield the init fields of a dataclass with their defaults."""
    for node in found.body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=ast.Name(id="field"), keywords=keywords)):
                said = {keyword.arg: _plain(keyword.value) for keyword in keywords}
                if said.get("init") is not False:
                    yield name, said.get("default")
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield name, _plain(value)


def _plain(value: ast.expr | None) -> Any:
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None
