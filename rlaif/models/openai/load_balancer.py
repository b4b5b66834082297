"""Distribute requests over the servers of one model: each request goes to a server with room, or waits for its turn.

Each server has a separate prefix cache, so requests about one text go to one server unless it is far busier than others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from rlaif.core.signals import STOP, UnsentError
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.errors import RequestError

# Seconds for which servers that were never reached are tried: long enough for a network hiccup, short enough to report a
# wrong address quickly.
START: Final = 5.0
# How much fuller a server's window may be than the idlest server's while it still gets requests about a text that it has
# read. With less, texts move between servers; with more, some requests wait while other servers have room.
LEAN: Final = 0.125

# The most that slow replies count: a server must keep some requests, or its replies would never be seen to be quick again.
SLOWEST: Final = 8.0

# A request that waits for a server, and what it is about.
Waiter = tuple["asyncio.Future[Endpoint]", str]


class LoadBalancer:
    """Endpoints, at most `most` requests in flight to all together.

    `patience` is the seconds for which all of them may fail before the run is stopped; it can then be resumed.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, most: int, patience: float) -> None:
        self.endpoints = list(endpoints)
        self._draining: list[Endpoint] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._most, self._patience = most, patience
        self._in_flight = 0
        self._again: deque[Waiter] = deque()
        self._new: deque[Waiter] = deque()
        self._soon: asyncio.Handle | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def add(self, endpoint: Endpoint) -> None:
        """Add a server; requests that wait go to it at once."""
        self.endpoints.append(endpoint)
        self._admit()

    def remove(self, endpoint: Endpoint) -> None:
        """Send the server no further requests, and close it when its open ones have ended."""
        self.endpoints.remove(endpoint)
        self._draining.append(endpoint)
        self._close_drained()

    def _close_drained(self) -> None:
        for endpoint in [each for each in self._draining if not each.in_flight]:
            self._draining.remove(endpoint)
            task = asyncio.get_running_loop().create_task(endpoint.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def enter(self, about: str = "", *, again: bool = False) -> Endpoint:
        """Wait for room for one request and return the server to send it to. Call `leave` afterwards.

        Requests `about` the same text go to the same server if it has room. A request that is sent `again` goes before all
        new ones; otherwise it would be the last one open. Raises RequestError "unreachable" once all servers
        have failed for too long, and UnsentError for new requests once the process is asked to stop.
        """
        if STOP.requested and not again:
            raise UnsentError
        if not self._again and not self._new and (endpoint := self._take(about)):
            return endpoint
        waiter: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        (self._again if again else self._new).append((waiter, about))
        self._admit()
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                self.leave(waiter.result())
            raise

    def leave(self, endpoint: Endpoint) -> None:
        """End a request. A caller that enters again without a pause keeps its place: others are admitted after it."""
        endpoint.in_flight -= 1
        self._in_flight -= 1
        if self._draining:
            self._close_drained()
        if self._soon is None and (self._new or self._again):
            self._soon = asyncio.get_running_loop().call_soon(self._admit_others)

    def _admit_others(self) -> None:
        self._soon = None
        self._admit()

    def _admit(self) -> None:
        """Assign servers to waiting requests, in turn, while there is room."""
        if STOP.requested:
            _refuse(self._new, UnsentError)
        for queue in (self._again, self._new):
            while queue:
                waiter, about = queue[0]
                if not waiter.done():
                    endpoint = self._take(about)
                    if endpoint is None:
                        self._stand_by()
                        return
                    waiter.set_result(endpoint)
                queue.popleft()

    def _take(self, about: str) -> Endpoint | None:
        if self._in_flight >= self._most:
            return None
        now = asyncio.get_running_loop().time()
        free = [each for each in self.endpoints if each.health.until <= now and each.in_flight < each.window.size]
        if not free:
            return None
        endpoint = free[0] if len(free) == 1 else _choice(free, about)
        if endpoint.health.probing:
            endpoint.health.probe(now)
        endpoint.in_flight += 1
        self._in_flight += 1
        return endpoint

    def _stand_by(self) -> None:
        """Refuse all waiting requests if the servers stay down, else try again later; called if nothing can be admitted."""
        if self._in_flight >= self._most:
            return
        down = self._down()
        if down > (self._patience if any(each.reached for each in self.endpoints) else min(START, self._patience)):
            for queue in (self._again, self._new):
                _refuse(queue, lambda: RequestError("unreachable", f"every attempt of the last {down:.0f} s has failed"))
        else:
            self._set_alarm()

    def _down(self) -> float:
        """Return the seconds for which all servers have been failing."""
        since = [each.health.since for each in self.endpoints if each.health.probing and each.health.since is not None]
        return asyncio.get_running_loop().time() - max(since) if since and len(since) == len(self.endpoints) else 0.0

    def _set_alarm(self) -> None:
        """Schedule the admission of waiting requests for when the first server may be used again."""
        loop = asyncio.get_running_loop()
        away = [each.health.until for each in self.endpoints if each.health.until > loop.time()]
        if away and (self._alarm is None or self._alarm.when() > min(away) or self._alarm.when() <= loop.time()):
            if self._alarm:
                self._alarm.cancel()
            self._alarm = loop.call_at(min(away), self._admit_after_rest)

    def _admit_after_rest(self) -> None:
        self._alarm = None
        self._admit()

    async def close(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        for endpoint in [*self.endpoints, *self._draining]:
            await endpoint.close()


def _refuse(queue: deque[Waiter], error: Callable[[], Exception]) -> None:
    """Refuse all requests of a queue."""
    while queue:
        waiter, _ = queue.popleft()
        if not waiter.done():
            waiter.set_exception(error())


def _choice(free: Sequence[Endpoint], about: str) -> Endpoint:
    """Choose the server with the highest hash for the text among those about as busy as the idlest.

    A server that takes twice as long for its replies counts as twice as busy, so that servers get requests as they deliver.

    It is always the same server while that is among them, and each server equally often (rendezvous hashing, Thaler and
    Ravishankar 1998).
    """
    quickest = min((each.seconds for each in free if each.seconds), default=0.0)
    busy = {each: each.in_flight / each.window.size * _slowness(each, quickest) for each in free}
    least = min(busy.values())
    if not about:
        return min(free, key=lambda each: busy[each])
    text = hash(about)
    return max((each for each in free if busy[each] <= least + LEAN), key=lambda each: hash((text, each.mark)))


def _slowness(endpoint: Endpoint, quickest: float) -> float:
    """Return how many times as long as the quickest server this one takes for a reply; 1 if that is not known."""
    return min(max(endpoint.seconds / quickest, 1.0), SLOWEST) if endpoint.seconds and quickest else 1.0
