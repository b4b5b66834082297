"""The sandbox of templates: no access to Python attributes or files, and bounds on time and size.

Jinja's sandbox protects Python's internals, but does not stop a template that loops a billion times or makes gigabytes of
text. Here every loop and call counts against a budget per rendering, and every operation that lengthens a text is checked.
"""

import re
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, ClassVar, Final

from jinja2 import StrictUndefined, TemplateAssertionError, TemplateRuntimeError, nodes
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

# The maximum length of a rendered text in characters, and the maximum of a width or a count.
MAX_TEXT: Final = 50_000_000
MAX_WIDTH: Final = 10_000
# The maximum of loop iterations and calls in one rendering, and of seconds. The shipped templates take a few dozen steps.
MAX_STEPS: Final = 1_000_000
MAX_SECONDS: Final = 5.0
MAX_POWER_BITS: Final = 4096
_GROWING: Final = frozenset(
    {"ljust", "rjust", "center", "zfill", "expandtabs", "replace", "join", "format", "format_map", "translate"}
)
_GROWING_FILTERS: Final = (
    "replace",
    "center",
    "indent",
    "format",
    "wordwrap",
    "join",
    "batch",
    "slice",
    "tojson",
    "truncate",
    "round",
)
_WIDE: Final = re.compile(r"\d{5,}|\*|\{[^{}]*\{")


class _Meter:
    """The budget that one rendering has used."""

    def __init__(self) -> None:
        self._steps, self._late = 0, time.monotonic() + MAX_SECONDS

    def step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TemplateRuntimeError(f"it loops more than {MAX_STEPS:,} times")
        if time.monotonic() > self._late:
            raise TemplateRuntimeError(f"it takes more than {MAX_SECONDS:g} s")


_meter: ContextVar[_Meter] = ContextVar("meter")


def start() -> None:
    """Reset the budget. Call this before each rendering."""
    _meter.set(_Meter())


def _step() -> None:
    meter = _meter.get(None)
    if meter is not None:
        meter.step()


def _counted(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        _step()
        yield item


def _fits(size: int) -> None:
    if size > MAX_TEXT:
        raise TemplateRuntimeError(f"it makes a text of more than {MAX_TEXT:,} characters")


def _narrow(*numbers: Any) -> None:
    for number in numbers:
        if isinstance(number, int) and abs(number) > MAX_WIDTH:
            raise TemplateRuntimeError(f"a width or count of more than {MAX_WIDTH:,}")


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple) else 32


def _joined(parts: list[Any]) -> str:
    _fits(sum(map(_size, parts)))
    return "".join(map(str, parts))


def _replaced(text: Any, new: Any) -> None:
    _fits((_size(text) + 1) * max(1, _size(new)))


def _bounded(name: str) -> Any:
    """Return a Jinja filter that can make text longer, with a check of the length first."""
    plain: Any = FILTERS[name]

    def bounded(*given: Any, **named: Any) -> Any:
        start = 1 if getattr(plain, "jinja_pass_arg", None) else 0
        value, rest = given[start], [*given[start + 1 :], *named.values()]
        _narrow(*rest)
        if name == "replace":
            _replaced(value, max((_size(each) for each in rest), default=0) * " ")
        elif name == "format" and _WIDE.search(str(value)):
            raise TemplateRuntimeError("a format with a width of five digits or more")
        elif name in ("indent", "wordwrap"):
            _fits((str(value).count("\n") + 1) * (MAX_WIDTH if any(isinstance(each, int) for each in rest) else 0))
            _replaced(value, max((_size(each) for each in rest), default=0) * " ") if name == "wordwrap" else None
        elif name == "join":
            value = list(_counted(value))
            _fits(sum(map(_size, value)) + len(value) * sum(_size(each) for each in rest if isinstance(each, str)))
        return plain(*given[:start], value, *given[start + 1 :], **named)

    for attribute in ("jinja_pass_arg", "jinja_async_variant"):
        if hasattr(plain, attribute):
            setattr(bounded, attribute, getattr(plain, attribute))
    return bounded


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with data before methods: a column called `items` is data, and `levels.items()` still works."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        # The sandbox decides by type, so the answer is cached for a million renderings.
        known = (type(obj), attr)
        if known not in self._safe:
            self._safe[known] = super().is_safe_attribute(obj, attr, value)
        return self._safe[known]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            _fits(MAX_TEXT + 1 if _power_bits(left, right) > MAX_POWER_BITS else 0)
        elif operator == "*":
            sizes = [_size(each) if isinstance(each, str | list | tuple) else each for each in (left, right)]
            if all(isinstance(each, int) for each in sizes):
                _fits(abs(sizes[0] * sizes[1]) if any(map(_is_sequence, (left, right))) else 0)
                _fits(MAX_TEXT + 1 if sum(each.bit_length() for each in sizes) > MAX_POWER_BITS * 2 else 0)
        elif operator == "+" and _is_sequence(left) and _is_sequence(right):
            _fits(_size(left) + _size(right))
        elif operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise TemplateRuntimeError("a format with a width of five digits or more")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (Jinja's own names)
        _step()
        # The sandbox wraps `format` in another function.
        method = getattr(__obj, "__wrapped__", __obj)
        text, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if isinstance(text, str) and name in _GROWING:
            _narrow(*args, *kwargs.values())
            if name.startswith("format") and _WIDE.search(text):
                raise TemplateRuntimeError("a format with a width of five digits or more")
            if name == "expandtabs":
                _fits(text.count("\t") * max((abs(each) for each in args if isinstance(each, int)), default=8))
            elif name == "join":
                args = (list(_counted(args[0])), *args[1:])
                _fits(sum(map(_size, args[0])) + len(args[0]) * len(text))
            elif name in ("replace", "translate"):
                _replaced(text, max((_size(each) for each in args), default=0) * " ")
        return super().call(__context, __obj, *args, **kwargs)

    def _generate(self, source: nodes.Template, *rest: Any, **named: Any) -> str:
        return super()._generate(_metered(source, self), *rest, **named)

    _safe: ClassVar[dict[tuple[type, str], bool]] = {}


def _is_sequence(value: Any) -> bool:
    return isinstance(value, str | list | tuple)


def _power_bits(left: Any, right: Any) -> float:
    if not isinstance(left, int | float) or not isinstance(right, int | float) or isinstance(left, float):
        return 0
    return abs(left).bit_length() * abs(right)


def _metered(tree: nodes.Template, environment: _Environment) -> nodes.Template:
    """Return the tree with every loop counted and every concatenated text checked."""
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise TemplateAssertionError("recursive loops are not supported", loop.lineno)
        loop.iter = _filtered(loop.iter, "_counted", environment)
    for parent in [tree, *tree.find_all(nodes.Node)]:
        for field, value in list(parent.iter_fields()):
            if isinstance(value, nodes.Concat):
                setattr(parent, field, _concatenated(value, environment))
            elif isinstance(value, list):
                value[:] = [_concatenated(each, environment) if isinstance(each, nodes.Concat) else each for each in value]
    return tree


def _concatenated(node: nodes.Concat, environment: _Environment) -> nodes.Expr:
    return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_joined", environment)


def _filtered(node: nodes.Node, name: str, environment: _Environment) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=environment)


def _shown(value: Any) -> Any:
    """Check a value that is about to be output: this stops a text that grows from one output to the next."""
    _step()
    _fits(_size(value))
    return value


def environment() -> ImmutableSandboxedEnvironment:
    """Return a new environment with these bounds."""
    made = _Environment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        finalize=_shown,
    )
    made.globals.pop("lipsum")
    made.filters |= {name: _bounded(name) for name in _GROWING_FILTERS}
    made.filters |= {"_counted": _counted, "_joined": _joined}
    return made
