"""The list of pairs and of prompts without one, and its download."""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rlaif.core.errors import InputError
from rlaif.view import listing
from rlaif.view.filters import ORDERS, Filter
from rlaif.view.site import Site

LABELS = {
    "text": "text",
    "outcome": "outcome",
    "margin_from": "margin from",
    "margin_to": "margin to",
    "confidence_from": "confidence from",
    "confidence_to": "confidence to",
    "criterion": "criterion",
    "lead_from": "lead from",
    "lead_to": "lead to",
    "generator": "generator",
    "source": "source",
    "meta": "column",
    "value": "value",
    "longer": "longer",
    "disagreement": "judges disagree",
    "where": "SQL",
}


def show(site: Site, request: Request) -> Response:
    """Return a page of the list."""
    asked = Filter.read(request.query_params)
    with site.access.listing() as tables:
        filter = listing.newest(tables.store, asked)
        facets = listing.read_facets(tables.store, filter)
        page = listing.read_page(tables, filter)
    chips = [(name, LABELS[name], value) for name, value in asked if value and name in LABELS]
    return site.html(
        "pairs.html.jinja",
        tab="pairs",
        asked=asked,
        filter=filter,
        facets=facets,
        page=page,
        chips=chips,
        orders=ORDERS,
    )


def counts(site: Site, request: Request) -> Response:
    """Return the number of rows of the list, which the page shows later if it must read all texts for it."""
    asked = Filter.read(request.query_params)
    try:
        with site.access.listing() as tables:
            found = listing.read_counts(tables, listing.newest(tables.store, asked))
    except InputError as error:
        return site.html("counts.html.part.jinja", counts=None, why=error.what)
    return site.html("counts.html.part.jinja", counts=found, why="")


def download(site: Site, request: Request) -> Response:
    """Return all rows of the list as JSON lines."""
    asked = Filter.read(request.query_params)

    def lines() -> Iterator[bytes]:
        with site.access.listing() as tables:
            yield from listing.read_all(tables, listing.newest(tables.store, asked))

    # The first batch is read before the response starts, so that an error in the filter has its page.
    rows = lines()
    first = next(rows, b"")

    def body() -> Iterator[bytes]:
        yield first
        yield from rows

    name = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in site.subject.config.pipeline.name)
    attachment = f'attachment; filename="{name}-pairs.jsonl"'
    return StreamingResponse(body(), media_type="application/jsonl", headers={"content-disposition": attachment})
