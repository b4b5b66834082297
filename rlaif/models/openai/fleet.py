"""Follow a file of servers while a model is open: new servers join, and those that are no longer listed are drained."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from rlaif.config import ServerFile
from rlaif.core.errors import InputError
from rlaif.core.signals import STOP, UnsentError
from rlaif.models.openai.credentials import listed_servers
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.load_balancer import LoadBalancer

# Seconds between readings of the file; a new server is asked for its models as often, until it serves this one.
LOOK: Final = 1.0


async def wait_for_servers(source: ServerFile, seconds: float, where: str) -> None:
    """Wait up to `seconds` until the file lists a server. Raises InputError if it does not."""
    loop = asyncio.get_running_loop()
    late = loop.time() + seconds
    while not any(listed_servers(source)):
        if loop.time() >= late:
            fix = "Write one http://HOST:PORT/v1 per line, or set `start_timeout` to wait for servers that are starting."
            raise InputError(f"{source.path} lists no servers", where=where, fix=fix)
        if STOP.requested:
            raise UnsentError
        await asyncio.sleep(LOOK)


async def follow(
    source: ServerFile,
    fleet: LoadBalancer,
    known: dict[str, Endpoint],
    admit: Callable[[str], Awaitable[Endpoint | None]],
) -> None:
    """Keep the fleet as the file lists it.

    `known` are the servers of the fleet by address. `admit` returns a new server at an address once it serves the model.

    An empty or missing file changes nothing: it may be just being replaced.
    """
    announced: set[str] = set()
    while True:
        await asyncio.sleep(LOOK)
        listed, wrong = await asyncio.to_thread(listed_servers, source)
        for place in set(wrong) - announced:
            announced.add(place)
            _say(f"{place}: not the address of a server, and skipped")
        new = [address for address in listed if address not in known]
        for address, endpoint in zip(new, await asyncio.gather(*(admit(each) for each in new)), strict=True):
            if endpoint:
                known[address] = endpoint
                fleet.add(endpoint)
                _say(f"{address} joins: {len(fleet.endpoints)} servers")
        for address in [each for each in known if each not in listed] if listed else []:
            fleet.remove(known.pop(address))
            _say(f"{address} leaves: {len(fleet.endpoints)} servers")


def _say(text: str) -> None:
    print(f"rlaif: {text}", file=sys.stderr, flush=True)
