"""Query what a server reports about itself before the first request, and wait for one that is still starting."""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from rlaif.core.errors import ModelError
from rlaif.core.signals import STOP, UnsentError
from rlaif.core.types import clean
from rlaif.models.openai.credentials import RequestHead, public_url
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.errors import SHOWN, RequestError
from rlaif.models.openai.response import malformed, read_object

# Seconds for a trivial answer, and between checks of a server that is not reachable yet.
ANSWER, LOOK = 5.0, 0.5
# Status codes of a server that is still loading its model, or of the proxy in front of it.
LOADING: Final = frozenset({502, 503, 504})
# Many servers report the current time as the creation time of their model, which is ignored. Clocks differ by less.
NOW_SECONDS: Final = 3600.0
# The maximum size of a list of models in bytes: vendors have hundreds.
MOST_BYTES: Final = 8 * 2**20
CHATS: Final = "/chat/completions"


async def listed(head: RequestHead) -> list[Mapping[str, Any]]:
    """Return the entries of the server's list of models. `head` is that of chats. Raises RequestError or TimeoutError."""
    reply = await _get(_listing(head))
    entries = reply.get("data")
    if not isinstance(entries, list):
        raise malformed("a list of models without data", repr(reply)[:SHOWN].encode("utf-8", "replace"))
    return [each for each in entries if isinstance(each, Mapping) and isinstance(each.get("id"), str)]


async def names(head: RequestHead) -> list[str]:
    """Return the names of the models that the server lists."""
    try:
        return [each["id"] for each in await listed(head)]
    except (ModelError, TimeoutError):
        return []


async def versioned(head: RequestHead) -> str:
    """Return the address with `/v1` if the given one lacks it and the server answers there; else an empty string."""
    parts = urlsplit(head.url)
    base = parts.path.removesuffix(CHATS)
    if base == parts.path or "/v1" in base:
        return ""
    tried = replace(head, url=urlunsplit(parts._replace(path=f"{base}/v1{CHATS}")))
    return public_url(tried.url.replace(CHATS, "")) if await names(tried) else ""


async def introduction(head: RequestHead, model: str) -> list[tuple[str, str]]:
    """Return what a server reports about its model: root, length, creation time, and vLLM's version; empty if nothing.

    `head` is that of chats.
    """
    try:
        entry = next((each for each in await listed(head) if each["id"] == model), {})
        facts = list(_facts(entry, time.time()))
        if entry.get("owned_by") == "vllm":
            version = (await _get(replace(head, url=_at_root(head.url, "/version")))).get("version")
            facts += [("version", _shown(version))] if version else []
    except (ModelError, TimeoutError):
        return []
    return facts


async def answers(head: RequestHead) -> bool:
    """Return whether the server currently answers the request for its list of models."""
    try:
        await _get(_listing(head))
    except (ModelError, TimeoutError):
        return False
    return True


async def awaken(heads: Sequence[RequestHead], seconds: float) -> None:
    """Wait up to `seconds` until one of the servers answers anything, and print a line if that takes a while.

    Raises ModelError "unreachable" if none does.
    """
    late, announced = time.monotonic() + seconds, False
    while True:
        why = await asyncio.gather(*(_asleep(head) for head in heads))
        if not all(why):
            return
        named = ", ".join(public_url(head.url) for head in heads)
        if time.monotonic() > late:
            raise ModelError("unreachable", f"{named}: no answer after {seconds:g} s (start_timeout): {why[0]}")
        if STOP.requested:
            raise UnsentError
        if not announced:
            print(f"rlaif: waiting up to {seconds:g} s for {named}: {why[0]}", file=sys.stderr, flush=True)
            announced = True
        await asyncio.sleep(LOOK)


async def _asleep(head: RequestHead) -> str:
    """Return why the server cannot take requests yet; empty if it can."""
    try:
        await _get(_listing(head))
    except TimeoutError:
        return f"no answer within {ANSWER:g} s"
    except RequestError as error:
        return str(error) if error.kind == "connection" or error.status in LOADING else ""
    return ""


async def _get(head: RequestHead) -> Mapping[str, Any]:
    endpoint = Endpoint(head, most=1, method="GET", most_bytes=MOST_BYTES)
    try:
        async with asyncio.timeout(ANSWER):
            return read_object(await endpoint.send(b""))
    finally:
        await endpoint.close()


def _listing(head: RequestHead) -> RequestHead:
    return replace(head, url=head.url.replace(CHATS, "/models"))


def _at_root(url: str, path: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _facts(entry: Mapping[str, Any], now: float) -> Iterator[tuple[str, str]]:
    for name in ("root", "max_model_len", "created"):
        value = entry.get(name)
        says_now = name == "created" and isinstance(value, int | float) and value > now - NOW_SECONDS
        if isinstance(value, str | int | float) and not says_now:
            yield name, _shown(value)


def _shown(value: Any) -> str:
    return clean(str(value))[:SHOWN]
