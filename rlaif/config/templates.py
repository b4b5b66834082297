"""Load and render prompt templates in a sandbox, and make the nonces of the fences around untrusted text."""

import traceback
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jinja2
import orjson
from jinja2 import TemplateError, meta, nodes

from rlaif.config import template_sandbox
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError
from rlaif.core.types import key

# Marks the position of a text in a rendered frame; no template contains it.
_MARK = "\x00"
# A judge needs one frame per call on a response, and twice that if some prompts have no document.
_FRAMES = 64
# The shipped templates have 3 kB at most.
MAX_BYTES = 200_000


_environment = template_sandbox.environment()


@lru_cache(maxsize=128)
def _compiled(text: str) -> jinja2.Template:
    """Compile each text once: a run opens the same few templates many times."""
    return _environment.from_string(text)


class Template:
    """A template file, whose source `text` is part of the key of everything made with it.

    The template may use the variables in `allowed` and must use those in `needed`, because a judge that never sees the
    response would still give scores. `metadata` holds the names of the prompt's metadata that it uses, as `metadata.NAME`.
    """

    def __init__(self, path: Path, allowed: frozenset[str], needed: frozenset[str] = frozenset()) -> None:
        self.path = path
        self._frames: dict[bytes, list[str]] = {}
        try:
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"more than {MAX_BYTES:,} bytes, which no template needs", where=str(path))
            self.text = path.read_text(encoding="utf-8")
            tree = _environment.parse(self.text)
            self._compiled = _compiled(self.text)
            self._printed = _printed(tree)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise InputError(f"invalid template: {error.message}", where=f"{path}:{line}" if line else str(path)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", where=str(path)) from None
        # Python's compiler rejects code that is nested too deeply with one of these errors.
        except (RecursionError, MemoryError, SyntaxError, ValueError, OverflowError) as error:
            raise InputError(f"not a template: {type(error).__name__}: {error}", where=str(path)) from None
        self.used = used = meta.find_undeclared_variables(tree)
        for name in sorted(used - allowed):
            raise InputError(f"unknown variable {name!r}", where=str(path), fix=did_you_mean(name, allowed))
        for name in sorted(needed - used):
            raise InputError(f"never shows {name!r}", where=str(path), fix=f"Add {{{{ {name} }}}} to the template.")
        self.metadata = _metadata_names(tree, path)

    @cached_property
    def key(self) -> str:
        return key("template", self.text)

    def with_metadata(self, metadata: Mapping[str, Any], view: Callable[[Any], Any] | None = None) -> dict[str, Any]:
        """Return the variable `metadata`, which holds only the names that the template uses; none if it uses none.

        A name that the prompt lacks is none. `view` makes the values safe to show.
        """
        if not self.metadata:
            return {}
        found = {name: metadata.get(name) for name in sorted(self.metadata)}
        return {"metadata": {name: view(value) for name, value in found.items()} if view else found}

    def render(self, **values: Any) -> str:
        """Render the template with these values. Values are inserted unchanged and never rendered as templates."""
        texts, others = dict[str, str](), dict[str, Any]()
        for name, value in values.items():
            if not isinstance(value, str):
                others[name] = value
            elif name in self._printed:
                texts[name] = value
            else:
                return self._render(values).strip("\n")
        frame = orjson.dumps([others, list(texts)], option=orjson.OPT_NON_STR_KEYS)
        # A mark inside the data would be taken for the position of a text.
        if b"\\u0000" in frame:
            return self._render(values).strip("\n")
        pieces = self._frames.get(frame)
        if pieces is None:
            if len(self._frames) == _FRAMES:
                self._frames.clear()
            marks = {name: f"{_MARK}{name}{_MARK}" for name in texts}
            pieces = self._frames[frame] = self._render(others | marks).split(_MARK)
        # Literal pieces alternate with names of texts.
        filled = pieces.copy()
        filled[1::2] = [texts[name] for name in pieces[1::2]]
        return "".join(filled).strip("\n")

    def _render(self, values: dict[str, Any]) -> str:
        template_sandbox.start()
        pieces, size = [], 0
        try:
            for piece in self._compiled.generate(**values):
                pieces.append(piece)
                size += len(piece)
                if size > template_sandbox.MAX_TEXT:
                    raise TemplateError(f"it makes a text of more than {template_sandbox.MAX_TEXT:,} characters")
        # A template may divide by zero, add a string to a number, or recurse without end.
        except Exception as error:
            what = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
            raise InputError(f"cannot be rendered: {what}", where=_place(error, self.path)) from None
        return "".join(pieces)


def _place(error: BaseException, path: Path) -> str:
    """Return `file:line` where the template failed, or only the file if the traceback does not show the line."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _printed(tree: nodes.Template) -> set[str]:
    """Return the variables that a template only prints unchanged or compares with none.

    Everything else is rendered once; each of a million prompts is then assembled from the pieces.
    """
    plain = {id(node) for output in tree.find_all(nodes.Output) for node in output.nodes}
    plain |= {id(test.node) for test in tree.find_all(nodes.Test) if test.name == "none"}
    names = list(tree.find_all(nodes.Name))
    return {node.name for node in names} - {node.name for node in names if id(node) not in plain}


def _metadata_names(tree: nodes.Template, path: Path) -> frozenset[str]:
    """Return each NAME of `metadata.NAME` or `metadata["NAME"]`. Raises InputError for any other use of `metadata`.

    The names must be known without rendering, so that a change of metadata concerns only results that depend on it.
    """
    names, plain = set[str](), set[int]()
    fields: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for field in fields:
        name = field.attr if isinstance(field, nodes.Getattr) else getattr(field.arg, "value", None)
        if isinstance(field.node, nodes.Name) and isinstance(name, str):
            names |= {name} if field.node.name == "metadata" else set()
            plain.add(id(field.node))
    for node in tree.find_all(nodes.Name):
        if node.name == "metadata" and id(node) not in plain:
            where = f"{path}:{node.lineno}"
            raise InputError("uses `metadata` as a whole", where=where, fix="Name one column of it: {{ metadata.COLUMN }}.")
    return frozenset(names)


def fence(content: str) -> str:
    """Return the nonce of 16 hex digits for the text with this content key, which is the same in every run.

    The nonce is a digest of the fenced text, and no text can contain its own digest.
    """
    return key("fence", content)[:16]
