"""Build the JSON Schema of pipeline files, for editors; each key's docstring becomes its description.

pydantic could add docstrings when it builds the models, but would parse the source files at every start. Here they are
parsed only when the schema is requested.
"""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from rlaif.config.base import Section
from rlaif.config.pipeline import Pipeline


def schema() -> dict[str, Any]:
    """Return the schema of a whole pipeline file."""
    found = Pipeline.model_json_schema()
    sections = {section.__name__: section for section in _below(Section)}
    for name, part in {"Pipeline": found, **found["$defs"]}.items():
        for kind in reversed(sections[name].__mro__[: sections[name].__mro__.index(Section)]):
            for key, words in _docstrings(kind):
                part["properties"][key]["description"] = words
    return found


def _below(section: type[Section]) -> Iterator[type[Section]]:
    for kind in section.__subclasses__():
        yield kind
        yield from _below(kind)


def _docstrings(section: type[Section]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a section that have a docstring, and the docstring."""
    body = ast.parse(inspect.getsource(section)).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, below in pairwise(body.body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(words))):
                yield key, inspect.cleandoc(words)
