"""A rich console on which no text can drive the terminal, whoever wrote it."""

import sys
from collections.abc import Iterable
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from rlaif.core.safe_output import SafeStream, TrustedStream
from rlaif.core.text import visible


class SafeConsole(Console):
    """A console that shows brackets, emoji codes and control characters in text as what they are.

    Its own styles and cursor movements reach the stream; those in the text do not.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        stream: Any = sys.stderr if stderr else sys.stdout
        if isinstance(stream, SafeStream):
            stream = TrustedStream(stream)
        super().__init__(file=cast(IO[str], stream), stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make text visible before it is laid out, so that tables stay straight."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Make visible whatever text reaches the terminal by another way."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
