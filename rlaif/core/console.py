"""A rich console on which no text can drive the terminal, whoever wrote it."""

import io
import sys
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from rlaif.core.safe_output import SafeStream, TrustedStream
from rlaif.core.text import visible

# A part of a page, where rich would write a whole one.
_HTML = '<pre style="white-space: pre-wrap; line-height: 1.3">{code}</pre>'


class SafeConsole(Console):
    """A console that shows brackets, emoji codes and control characters in text as what they are.

    Its own styles and cursor movements reach the stream; those in the text do not.
    """

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        stream: Any = sys.stderr if stderr else sys.stdout
        if isinstance(stream, SafeStream):
            stream = TrustedStream(stream)
        options = {"file": stream, "stderr": stderr} | options
        super().__init__(**options, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make text visible before it is laid out, so that tables stay straight."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Make visible whatever text reaches the terminal by another way."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))


def as_html(draw: Callable[[Console], None], width: int = 110) -> str:
    """Return what is drawn on a console as HTML, for notebooks. Text is escaped."""
    console = SafeConsole(file=io.StringIO(), record=True, width=width, force_terminal=True, force_jupyter=False)
    draw(console)
    return console.export_html(inline_styles=True, code_format=_HTML)
