"""What a server says of itself before it is asked anything; and waiting for one that is still coming up."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from rlaif.errors import ModelError
from rlaif.models.openai_endpoint import Endpoint
from rlaif.models.openai_fault import SHOWN, RequestError
from rlaif.models.openai_reply import read_object
from rlaif.models.openai_server import Letterhead, public_url
from rlaif.records import clean
from rlaif.stop import STOP, UnsentError

# Seconds for an answer that takes a server no work, and between looks at one that is not there yet.
ANSWER, LOOK = 5.0, 0.5
# Statuses of a server, or of what stands before it, that is still loading its model.
LOADING: Final = frozenset({502, 503, 504})
# Many servers say "now" for when their model was created, which tells nothing. Clocks differ by less than this.
NOW_SECONDS: Final = 3600.0


async def introduction(head: Letterhead, model: str) -> list[tuple[str, str]]:
    """What a server tells of its model: its root, its length, when it was created, and vLLM's version. Nothing where it
    does not tell. `head` is that of chats."""
    try:
        entry = _entry(await _get(_listing(head)), model)
        said = list(_facts(entry, time.time()))
        if entry.get("owned_by") == "vllm":
            version = (await _get(replace(head, url=_at_root(head.url, "/version")))).get("version")
            said += [("version", _shown(version))] if version else []
    except (ModelError, TimeoutError):
        return []
    return said


async def answers(head: Letterhead) -> bool:
    """Whether the server says at this moment which models it has."""
    try:
        await _get(_listing(head))
    except (ModelError, TimeoutError):
        return False
    return True


async def awaken(heads: Sequence[Letterhead], seconds: float) -> None:
    """Waits, at most for so long, until one of the servers answers anything, and says so where that is not at once.

    Raises ModelError "unreachable" where none does.
    """
    late, told = time.monotonic() + seconds, False
    while True:
        why = await asyncio.gather(*(_asleep(head) for head in heads))
        if not all(why):
            return
        named = ", ".join(public_url(head.url) for head in heads)
        if time.monotonic() > late:
            raise ModelError("unreachable", f"{named}: not there after {seconds:g} s (start_timeout): {why[0]}")
        if STOP.asked:
            raise UnsentError
        if not told:
            print(f"rlaif: waiting up to {seconds:g} s for {named}: {why[0]}", file=sys.stderr, flush=True)
            told = True
        await asyncio.sleep(LOOK)


async def _asleep(head: Letterhead) -> str:
    """Why the server cannot be asked yet; nothing where it can."""
    try:
        await _get(_listing(head))
    except TimeoutError:
        return f"no answer within {ANSWER:g} s"
    except RequestError as error:
        return str(error) if error.kind == "connection" or error.status in LOADING else ""
    return ""


async def _get(head: Letterhead) -> Mapping[str, Any]:
    endpoint = Endpoint(head, most=1, method="GET")
    try:
        async with asyncio.timeout(ANSWER):
            return read_object(await endpoint.send(b""))
    finally:
        await endpoint.close()


def _listing(head: Letterhead) -> Letterhead:
    return replace(head, url=head.url.replace("/chat/completions", "/models"))


def _at_root(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _entry(listed: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    entries = listed.get("data")
    named = (each for each in entries if isinstance(each, Mapping)) if isinstance(entries, list) else ()
    return next((each for each in named if each.get("id") == model), {})


def _facts(entry: Mapping[str, Any], now: float) -> Iterator[tuple[str, str]]:
    for name in ("root", "max_model_len", "created"):
        value = entry.get(name)
        says_now = name == "created" and isinstance(value, int | float) and value > now - NOW_SECONDS
        if isinstance(value, str | int | float) and not says_now:
            yield name, _shown(value)


def _shown(value: Any) -> str:
    return clean(str(value))[:SHOWN]
