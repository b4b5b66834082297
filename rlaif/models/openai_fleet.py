"""The servers of one model: each request goes to one with room, and waits while none has any.

Each server has a prefix cache of its own, so what is about one text goes to one server, as long as none is far busier.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from rlaif.models.openai_endpoint import Endpoint
from rlaif.models.openai_fault import RequestError
from rlaif.stop import STOP, UnsentError

# Seconds for which servers that were never reached are tried: long enough for a slip of the network, short enough to
# see a wrong address at once.
START: Final = 5.0
# How much more of its window may be in use than of the idlest one's, for a server to be taken for what it has read: with
# less, texts wander between servers; with more, some wait where others have room.
LEAN: Final = 0.125


class Fleet:
    """Endpoints, at most `most` requests in flight to all together.

    `patience` is for how many seconds all of them may fail before the run is stopped; it can then be resumed.
    """

    def __init__(self, endpoints: Sequence[Endpoint], *, most: int, patience: float) -> None:
        self.endpoints = endpoints
        self._most, self._patience = most, patience
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    async def enter(self, about: str = "", *, again: bool = False) -> Endpoint:
        """Waits for room for one request; where to send it, to be told to `leave` afterwards.

        What is `about` the same goes to the same server where it can. What is asked `again` goes before all that is new, or
        it would still be under way when all else is done. Raises RequestError "unreachable" once all servers have failed for
        too long, and UnsentError for what is new once the process is told to stop.
        """
        if STOP.asked and not again:
            raise UnsentError
        return self._take(about) or await self._wait(about, again)

    def leave(self, endpoint: Endpoint) -> None:
        """The request is over."""
        endpoint.in_flight -= 1
        self._in_flight -= 1
        if self._waiting:
            self._wake()

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

    async def _wait(self, about: str, again: bool) -> Endpoint:
        while True:
            self._give_up_after_patience()
            self._set_alarm()
            waiter = asyncio.get_running_loop().create_future()
            if again:
                self._waiting.appendleft(waiter)
            else:
                self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # It may have been woken at the same time; then another goes in its place.
                self._wake()
                raise
            if STOP.asked and not again:
                self._wake()
                raise UnsentError
            if endpoint := self._take(about):
                return endpoint

    def _wake(self) -> None:
        """Lets those that have waited longest look for room: one usually, more after a window has widened."""
        room = sum(max(each.window.size - each.in_flight, 0) for each in self.endpoints)
        for _ in range(min(room, self._most - self._in_flight)):
            if not self._waiting:
                return
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _set_alarm(self) -> None:
        """Wakes all that wait when the first server may be asked again."""
        loop = asyncio.get_running_loop()
        away = [each.health.until for each in self.endpoints if each.health.until > loop.time()]
        if away and (self._alarm is None or self._alarm.when() > min(away) or self._alarm.when() <= loop.time()):
            if self._alarm:
                self._alarm.cancel()
            self._alarm = loop.call_at(min(away), self._wake_all)

    def _wake_all(self) -> None:
        self._alarm = None
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    def _give_up_after_patience(self) -> None:
        now = asyncio.get_running_loop().time()
        downs = [each.health.since for each in self.endpoints if each.health.probing]
        if len(downs) < len(self.endpoints):
            return
        down = now - max(since for since in downs if since is not None)
        reached = any(each.reached for each in self.endpoints)
        if down > (self._patience if reached else min(START, self._patience)):
            raise RequestError("unreachable", f"every attempt of the last {down:.0f} s has failed")

    async def close(self) -> None:
        if self._alarm:
            self._alarm.cancel()
        for endpoint in self.endpoints:
            await endpoint.close()


def _choice(free: Sequence[Endpoint], about: str) -> Endpoint:
    """Of those about as busy as the idlest, the one that draws the highest lot for the text: always the same one while it
    is among them, and each as often (rendezvous hashing, Thaler and Ravishankar 1998)."""
    busy = {each: each.in_flight / each.window.size for each in free}
    least = min(busy.values())
    if not about:
        return min(free, key=lambda each: busy[each])
    text = hash(about)
    return max((each for each in free if busy[each] <= least + LEAN), key=lambda each: hash((text, each.number)))
