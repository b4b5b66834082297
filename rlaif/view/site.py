"""What all pages share: the pipeline, the access to its store, and how templates become responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from starlette.responses import HTMLResponse

from rlaif import __version__
from rlaif.report import environment
from rlaif.view.access import Access
from rlaif.view.subject import Subject

PAGE: Final = Path(__file__).parent / "page"
TABS: Final[Mapping[str, str]] = {"pairs": "Pairs", "label": "Label", "judges": "Judges", "runs": "Runs"}


@dataclass(frozen=True)
class Site:
    """One pipeline's pages."""

    subject: Subject
    access: Access

    def html(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a page or a part of one; `tab` is the name of the current tab."""
        shared = {"name": self.subject.config.pipeline.name, "tabs": TABS, "version": __version__, "tab": ""}
        return HTMLResponse(templates().get_template(template).render(shared | values), status)


def templates() -> Environment:
    """Return the Jinja environment of the pages, which also finds the report's templates."""
    return environment(PAGE)
