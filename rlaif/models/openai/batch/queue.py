"""Collect requests into batches, send and record them, wait for their answers, and hand these to the callers."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rlaif.core.errors import FATAL, TRANSIENT, InputError, RlaifError
from rlaif.models.openai.batch.api import Calls
from rlaif.models.openai.batch.journal import Sent, read
from rlaif.models.openai.batch.jsonl import MOST_REQUESTS, answer, cut, request_line
from rlaif.models.openai.errors import RequestError

if TYPE_CHECKING:
    from openai.types import Batch

# Seconds without a new request after which waiting ones are sent; this is short compared with the hours that a batch takes.
QUIET: Final = 2.0
# Seconds between two checks of a batch, at first and at most.
POLL: Final = (10.0, 60.0)
ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
# How a vendor reports that its queue is full.
FULL: Final = "token_limit_exceeded"

Reply = bytes | RlaifError


@dataclass(eq=False)
class Part:
    """A batch and the futures that wait for its answers, by request key. It keeps its `lines` until they are `sent`."""

    names: Sequence[str]
    asked: dict[str, asyncio.Future[Reply]]
    lines: bytes = b""
    sent: Sent | None = None
    under_way: bool = False


class Post:
    """The batches of one server, which are recorded in `folder`. `clean` removes secrets from the server's messages."""

    def __init__(
        self,
        calls: Calls,
        server: str,
        folder: Path,
        clean: Callable[[str], str],
        *,
        where: str = "",
        quiet: float = QUIET,
        poll: tuple[float, float] = POLL,
    ) -> None:
        self._calls, self._server, self._folder, self._clean = calls, server, folder, clean
        self._where, self._quiet, self._poll = where, quiet, poll
        self._most = MOST_REQUESTS
        self._waiting: dict[str, tuple[bytes, asyncio.Future[Reply]]] = {}
        self._gathering, self._reading = False, 0
        folder.mkdir(parents=True, exist_ok=True)
        # A request that is in several batches is taken from the newest, because the older ones did not answer it.
        self._parts = {
            name: part
            for known in read(folder, server)
            for part in [Part(known.requests, {}, sent=known)]
            for name in known.requests
        }
        self._tasks: set[asyncio.Task[None]] = set()

    async def reply(self, name: str, request: dict[str, Any]) -> bytes:
        """The reply to a request, whichever batch it is in.

        Raises RequestError, of a fatal kind if the request is not the reason, and InputError if batches are refused.
        """
        part = self._parts.get(name)
        if part:
            future = part.asked.setdefault(name, asyncio.Future())
            self._attend(part)
        else:
            future = self._wait(name, request)
        # Two callers may share one request, and cancelling one of them must not cancel the other.
        reply = await asyncio.shield(future)
        if isinstance(reply, RlaifError):
            raise reply
        return reply

    def _wait(self, name: str, request: dict[str, Any]) -> asyncio.Future[Reply]:
        if name not in self._waiting:
            self._waiting[name] = request_line(name, self._calls.url, request), asyncio.Future()
        if not self._gathering:
            self._gathering = True
            self._spawn(self._gather())
        return self._waiting[name][1]

    def forget(self, name: str) -> None:
        """Drop a batch's answer to the request, so that the request goes into another batch next time."""
        self._parts.pop(name, None)

    def let_go(self) -> None:
        """Cancel all waiting callers. The batches continue, and the next run finds them."""
        waiting = [future for _, future in self._waiting.values()]
        for part in set(self._parts.values()):
            waiting += part.asked.values()
        for future in waiting:
            future.cancel()

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.let_go()

    async def _gather(self) -> None:
        """Send waiting requests once no more arrive; requests that follow from answers wait for the last answer."""
        before = 0
        while self._reading or before < len(self._waiting) < self._most:
            before = len(self._waiting)
            await asyncio.sleep(self._quiet)
        self._gathering = False
        waiting, self._waiting = self._waiting, {}
        for lines in cut(((name, line) for name, (line, _) in waiting.items()), self._most):
            part = Part(list(lines), {name: waiting[name][1] for name in lines}, b"".join(lines.values()))
            self._parts |= dict.fromkeys(lines, part)
            self._attend(part)

    def _attend(self, part: Part) -> None:
        if not part.under_way:
            part.under_way = True
            self._spawn(self._see_through(part))

    async def _see_through(self, part: Part) -> None:
        """Process a batch until all its callers have their answers or the error that ended it."""
        try:
            if part.sent is None:
                await self._send(part)
            else:
                await asyncio.sleep(self._quiet)
            while part.asked and part.sent:
                await self._answer(part, part.sent)
        except RlaifError as error:
            end = self._ending(error) if isinstance(error, RequestError) else error
            if part.sent is None or (part.sent.batch is None and isinstance(end, InputError)):
                self._forget_all(part)
            self._settle_all(part, end)
        finally:
            part.under_way = False

    async def _send(self, part: Part) -> None:
        """Send a batch. Each step is recorded before the next, so that an interruption loses nothing."""
        file, uploaded = await self._calls.upload(part.lines)
        part.lines = b""
        part.sent = Sent(self._server, file, uploaded, part.names)
        part.sent.write(self._folder)
        part.sent.batch = await self._calls.begin(file, uploaded)
        part.sent.write(self._folder)

    async def _answer(self, part: Part, known: Sent) -> None:
        """Wait for the end of the batch, and give each caller its answer as soon as it arrives."""
        status = "forgotten by the vendor, which keeps neither batches nor files for ever"
        asked = list(part.asked)
        try:
            if known.batch is None:
                known.batch = await self._calls.begin(known.file, known.uploaded, again=True)
                known.write(self._folder)
            state = await self._end(known.batch)
            status, asked = state.status, list(part.asked)
            if status == "failed":
                return await self._failed(part, state)
            await self._read(part, state)
        except RequestError as error:
            if error.status != 404 or known.batch is None:
                raise
        for name in asked:
            if name in part.asked:
                _settle(part.asked.pop(name), RequestError("timeout", f"no answer in batch {known.batch}: {status}"))

    async def _read(self, part: Part, state: "Batch") -> None:
        self._reading += 1
        try:
            for file in (state.output_file_id, state.error_file_id):
                if file:
                    await self._calls.read(file, lambda line: _deliver(line, part))
        finally:
            self._reading -= 1

    async def _end(self, batch: str) -> "Batch":
        pause, longest = self._poll
        while (state := await self._calls.look(batch)).status not in ENDED:
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, longest)
        return state

    async def _failed(self, part: Part, state: "Batch") -> None:
        """Handle a batch that was refused as a whole. If the vendor's queue was full, its requests go into smaller ones."""
        self._forget_all(part)
        errors = (state.errors and state.errors.data) or []
        if any(error.code == FULL for error in errors) and len(part.names) > 1:
            self._most = max(1, len(part.names) // 2)
            while any(other.under_way for other in self._parts.values()):
                await asyncio.sleep(self._poll[0])
            return self._settle_all(part, RequestError("rate_limited", "the vendor's queue is full"))
        reasons = "; ".join(
            f"line {error.line}: {error.message}" if error.line else str(error.message) for error in errors[:3]
        )
        raise InputError(
            self._clean(f"{self._server} refused batch {state.id}: {reasons or 'it gave no reason'}"),
            where=self._where,
            fix="Correct what it names and run the same command again, or set mode: live.",
        )

    def _ending(self, error: RequestError) -> RlaifError:
        """Return the error for a failure of the API rather than of a request: the run stops and can be resumed."""
        if error.kind in TRANSIENT | {"malformed"}:
            return RequestError("unreachable", str(error), raw=error.raw, status=error.status)
        if error.kind in FATAL and error.status != 404:
            return error
        message = self._clean(f"{self._server} does not take batches: {error}")
        return InputError(message, where=self._where, fix="Set mode: live.")

    def _settle_all(self, part: Part, reply: Reply) -> None:
        for future in part.asked.values():
            _settle(future, reply)
        part.asked.clear()

    def _forget_all(self, part: Part) -> None:
        if part.sent:
            part.sent.remove(self._folder)
        for name in part.names:
            if self._parts.get(name) is part:
                del self._parts[name]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _deliver(line: bytes, part: Part) -> bool:
    """Hand an answer to the caller that waits for it, and return whether the line was an answer."""
    found = answer(line)
    if found and found[0] in part.asked:
        _settle(part.asked.pop(found[0]), found[1])
    return found is not None


def _settle(future: asyncio.Future[Reply], reply: Reply) -> None:
    if not future.done():
        future.set_result(reply)
