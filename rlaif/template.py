"""Templates that models are shown: one sandboxed Jinja environment, and fences around text that nobody vouches for.

A response may try to speak to its judge. So in the judge's view, and only there, it stands between two lines that carry
a nonce which no response can know, and the marks that chat templates are made of are broken up.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import orjson
from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rlaif.errors import InputError
from rlaif.records import key
from rlaif.yaml_file import did_you_mean

# Marks by which chat templates tell roles and turns apart; a model may read them as such wherever they stand. Only the
# first character is taken, so that one mark inside another is found too.
_MARKS = re.compile(
    r"<(?=[|｜][^<>|｜]{1,40}[|｜]>|/?s>|</?SYS>>|(?:start|end)_of_turn>|(?:bos|eos|pad|unk)>|channel\|>|\|channel>"
    # Marks of reasoning: a judge that quotes one would seem to end its own reasoning there.
    r"|/?(?:\w{1,20}:)?(?:(?:ant)?thinking|thoughts?|think|reasoning|scratch_?pad)(?:\s[^<>]{0,80})?\s*>)"
    r"|\[(?=/?INST\]|(?:BEGIN|END) DATA\]|/?(?:thinking|thoughts?|think|reasoning)\])"
    r"|◁(?=/?(?:thinking|thoughts?|think|reasoning)▷)",
    re.IGNORECASE,
)
# Characters that a person does not see and a tokenizer does: zero-width, direction overrides, tags.
_HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")

# Stands where a text will; no template contains it.
_MARK = "\x00"
# A judge needs one for each call on a response, and twice that where some prompts have no document.
_FRAMES = 64


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with data before methods: a column called `items` is data, and `levels.items()` still works."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # What the sandbox looks at is the type, so it need not look again in each of a million renderings.
        known = (type(obj), attr)
        if known not in self._safe:
            self._safe[known] = super().is_safe_attribute(obj, attr, value)
        return self._safe[known]

    _safe: ClassVar[dict[tuple[type, str], bool]] = {}


_environment = _Environment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
)


class Template:
    """A template file; `text` is its source, which enters the keys of all that is made with it.

    It may use what is `allowed`, and must use what is `needed`: a judge that is not shown the response still gives scores.
    """

    def __init__(self, path: Path, allowed: frozenset[str], needed: frozenset[str] = frozenset()) -> None:
        self.path = path
        self._frames: dict[bytes, list[str]] = {}
        try:
            self.text = path.read_text(encoding="utf-8")
            tree = _environment.parse(self.text)
            self._compiled = _environment.from_string(self.text)
            self._printed = _printed(tree)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise InputError(f"not a template: {error.message}", where=f"{path}:{line}" if line else str(path)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", where=str(path)) from None
        self.used = used = meta.find_undeclared_variables(tree)
        for name in sorted(used - allowed):
            raise InputError(f"uses {name!r}, which it is not given", where=str(path), fix=did_you_mean(name, allowed))
        for name in sorted(needed - used):
            raise InputError(f"never shows {name!r}", where=str(path), fix=f"Put {{{{ {name} }}}} where it belongs.")

    @cached_property
    def key(self) -> str:
        return key("template", self.text)

    def render(self, **values: Any) -> str:
        """The text, with plain data put in once: what a value contains is never rendered again."""
        texts = {name: value for name, value in values.items() if name in self._printed and isinstance(value, str)}
        others = {name: value for name, value in values.items() if name not in texts}
        if any(isinstance(value, str) for value in others.values()):
            return self._render(values).strip("\n")
        frame = orjson.dumps([others, list(texts)], option=orjson.OPT_NON_STR_KEYS)
        # A mark within the data would part it.
        if b"\\u0000" in frame:
            return self._render(values).strip("\n")
        pieces = self._frames.get(frame)
        if pieces is None:
            if len(self._frames) == _FRAMES:
                self._frames.clear()
            marks = {name: f"{_MARK}{name}{_MARK}" for name in texts}
            pieces = self._frames[frame] = self._render(others | marks).split(_MARK)
        # Between literal pieces stand the names of texts.
        return "".join(texts[piece] if place % 2 else piece for place, piece in enumerate(pieces)).strip("\n")

    def _render(self, values: dict[str, Any]) -> str:
        try:
            return self._compiled.render(**values)
        except TemplateError as error:
            raise InputError(f"cannot be rendered: {error.message}", where=str(self.path)) from None


def _printed(tree: nodes.Template) -> set[str]:
    """Variables that a template does nothing with but print them as they are, or ask whether they are there at all.

    All else is then rendered once, and each of a million prompts is put together from the pieces.
    """
    plain = {id(node) for output in tree.find_all(nodes.Output) for node in output.nodes}
    plain |= {id(test.node) for test in tree.find_all(nodes.Test) if test.name == "none"}
    names = list(tree.find_all(nodes.Name))
    return {node.name for node in names} - {node.name for node in names if id(node) not in plain}


def fence(answer: str) -> str:
    """A nonce of 16 hex digits for one answer (its key): the same on every run, and out of the answer's own reach.

    It is a digest of the very text that stands between the fences, and no text can hold its own digest.
    """
    return key("fence", answer)[:16]


def defuse(text: str) -> str:
    """`text` as a judge may safely see it: hidden characters gone, the marks of chat templates broken by a space."""
    shown = text if text.isascii() else _HIDDEN.sub("", text)
    # Every mark begins with one of these, and most texts have none.
    if "<" not in shown and "[" not in shown and "◁" not in shown:
        return shown
    return _MARKS.sub(r"\g<0> ", shown)
