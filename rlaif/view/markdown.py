"""Renders Markdown of models and users as HTML that can neither load nor run anything.

HTML in the text stays text. Links and images stay as they are written, so that no text can make a reader open an address.
"""

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from rlaif.core.text import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def render(text: str) -> Markup:
    """Return the text as HTML. Hiding characters are made visible."""
    # The parser escapes all text that it passes on.
    return Markup(_parser().render(visible(text)))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    return parser.disable(["link", "image", "autolink", "reference", "html_block", "html_inline"])
