"""The application: routes, style sheet and script, and how errors are shown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rlaif.core.errors import InputError, RlaifError, StoreError
from rlaif.report import style
from rlaif.view import judges_page, label_page, pairs_page, prompt_page, runs_page
from rlaif.view.access import Access, is_busy
from rlaif.view.guard import Guard
from rlaif.view.labeling import Labeling
from rlaif.view.progress import Clock
from rlaif.view.site import PAGE, Site
from rlaif.view.subject import Subject

TYPES: Final = {"css": "text/css", "js": "text/javascript"}


def application(subject: Subject, token: str, port: int) -> Starlette:
    """Return the ASGI application for one pipeline; it answers requests with this token to this port."""
    access = Access(subject.config.store_path)
    site = Site(subject, access)

    @asynccontextmanager
    async def closing(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            access.close()

    labeling = Labeling(subject.generators)
    routes = [
        Route("/", _home),
        Route("/pairs", partial(pairs_page.show, site)),
        Route("/pairs/counts", partial(pairs_page.counts, site)),
        Route("/pairs.jsonl", partial(pairs_page.download, site)),
        Route("/prompt/{key}", partial(prompt_page.show, site)),
        Route("/label", partial(label_page.show, site, labeling)),
        Route("/label/{action}", partial(label_page.change, site, labeling), methods=["POST"]),
        Route("/judges", partial(judges_page.show, site)),
        Route("/judges/criteria", partial(judges_page.criteria, site)),
        Route("/judges/audit", partial(judges_page.audit, site)),
        Route("/runs", partial(runs_page.show, site, Clock(subject))),
        Route("/runs/evaluation", partial(runs_page.evaluation, site)),
        Route("/static/{name}", _static),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, token=token, port=port)],
        lifespan=closing,
        exception_handlers={kind: partial(_failed, site) for kind in (RlaifError, HTTPException, duckdb.Error)},
    )


def _home(request: Request) -> Response:
    return RedirectResponse("/pairs", 303)


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "view.css":
        return Response(f"{style()}\n{(PAGE / name).read_text(encoding='utf-8')}", media_type=TYPES["css"])
    if name == "view.js":
        return Response((Path(__file__).parent / "static" / name).read_bytes(), media_type=TYPES["js"])
    raise HTTPException(404)


def _failed(site: Site, request: Request, error: Any) -> Response:
    """Return the page for an error: what is wrong, and how to fix it."""
    busy = isinstance(error, StoreError) and is_busy(error)
    if isinstance(error, InputError):
        title, lines, status = "This does not work", [*error.what.splitlines(), error.fix], 400
    elif busy:
        title, status = "A run is using the store", 503
        lines = ["This page opens by itself as soon as the store can be read. Nothing is lost."]
    elif isinstance(error, HTTPException):
        title, lines, status = "This page does not exist", [], error.status_code
    else:
        title, lines, status = "The store cannot be read", str(error).splitlines()[:3], 500
    return site.html("error.html.jinja", status, title=title, lines=lines, busy=busy)
