"""Blind labeling by people. The buttons are forms, so it works without scripts; `view.js` adds the keys."""

from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rlaif.core.errors import InputError, StoreError
from rlaif.view.access import is_busy
from rlaif.view.labeling import ORDERS, Labeling, people
from rlaif.view.site import Site

MAX_FORM = 10_000
ACTIONS = ("vote", "skip", "undo")


def show(site: Site, labeling: Labeling, request: Request) -> Response:
    """Return the next task of the person in `by`, or ask for a name."""
    name = request.query_params.get("by", "")
    if not name.strip():
        with site.access.reading() as store:
            return site.html("label_name.html.jinja", tab="label", people=people(store))
    person = labeling.person(name)
    if "order" in request.query_params:
        labeling.arrange(person, request.query_params["order"])
    # The vote before must be counted.
    with site.access.reading(fresh=True) as store:
        task = labeling.task(store, person)
        progress = labeling.progress(store, person, list(site.subject.judges.values()))
    busy = request.query_params.get("busy") == "1"
    return site.html("label.html.jinja", tab="label", person=person, task=task, progress=progress, busy=busy, orders=ORDERS)


async def change(site: Site, labeling: Labeling, request: Request) -> Response:
    """Store a vote, skip a task, or undo the last vote; then show the next task."""
    action = request.path_params["action"]
    if action not in ACTIONS:
        raise InputError(f"unknown action {action!r}", where="label", fix=f"Use one of: {', '.join(ACTIONS)}.")
    form = await _form(request)
    person = labeling.person(form.get("by", ""))
    pair = form.get("first", ""), form.get("second", "")
    busy: dict[str, str] = {}
    try:
        if action == "vote":
            await run_in_threadpool(labeling.vote, site.access, person, pair, form.get("vote", ""))
        elif action == "undo":
            await run_in_threadpool(labeling.undo, site.access, person)
        else:
            labeling.skip(person, pair)
    except StoreError as error:
        if not is_busy(error):
            raise
        busy = {"busy": "1"}
    return RedirectResponse(f"/label?{urlencode({'by': person.voter.person} | busy)}", 303)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            raise InputError("the form is too long", where="label")
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
