"""Use a served model through its vendor's Batch API, at half the price, with answers within a day.

Requests that wait at the same time are sent as one file. A request is identified by a digest of its content, so a resumed
run needs no record of its requests: it makes the pending ones again, and takes the answers that an earlier batch has or will
have from there. Requests that a batch did not finish are resubmitted in the next one.
"""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rlaif.config import OpenAIModel
from rlaif.core.errors import InputError, ModelError
from rlaif.core.signals import STOP
from rlaif.core.types import key
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.batch.api import RETRIED, Calls
from rlaif.models.openai.batch.queue import POLL, QUIET, Post
from rlaif.models.openai.capabilities import Dialect
from rlaif.models.openai.credentials import addresses, announce, client, proxy, public_url, request_head, secret
from rlaif.models.openai.errors import RequestError
from rlaif.models.openai.fill_missing import top_up
from rlaif.models.openai.inspector import Inspector, count_observations
from rlaif.models.openai.request import body
from rlaif.models.openai.response import read_reply
from rlaif.models.redaction import redactor, secrets_of

# The number of open requests, so that a batch is worth its wait; with 12 kB each, they took 0.7 GB of memory.
CONCURRENCY: Final = 10_000
# Seconds for one read or write of a connection.
IDLE: Final = 120.0


class OpenAIBatch:
    """A served model through batches, which are recorded in `folder`.

    Times are in seconds: a batch is sent after `quiet` without a new request, `poll` is the shortest and the longest pause
    between two checks of it, and `pause` is the first pause after a fault.
    """

    concurrency = CONCURRENCY

    def __init__(
        self,
        config: OpenAIModel,
        *,
        where: str = "",
        folder: Path,
        quiet: float = QUIET,
        poll: tuple[float, float] = POLL,
        pause: float = 0.5,
    ) -> None:
        if len(addresses(config.base_url)) > 1:
            raise InputError("batches need exactly one server", where=where, fix="Give one base_url, or set mode: live.")
        self._config, self._where, self._folder = config, where, folder
        self._quiet, self._poll, self._pause = quiet, poll, pause
        self._secret = secret(config, where=where)
        self._dialect = Dialect.of(config)
        self._inspector = Inspector(config)
        self.server, self.name = public_url(config.base_url), config.model
        self.remarks: Counter[tuple[str, str]] = Counter()
        self._served: str | None = None

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return one completion per seed, in order. Missing ones of `n` are requested again, one at a time."""
        found: dict[int, Completion] = {}
        if request.n == 1 or self._dialect.several:
            found = await self._request(request, request.seeds)
        return await top_up(request, found, self._request)

    async def _request(self, request: ChatRequest, seeds: tuple[int, ...]) -> dict[int, Completion]:
        """Return completions by index in `seeds`, some of which may be missing. Each attempt is in another batch."""
        attempts = 0
        while True:
            dialect = self._dialect
            payload = body(self._config, request, seeds, dialect)
            name = key("request", payload)
            try:
                reply = await self._post.reply(name, payload)
                found = self._same(read_reply(reply, len(seeds)).found)
                count_observations(found, self.remarks)
                self._inspector.inspect(request, found)
                return found
            except RequestError as error:
                self._post.forget(name)
                attempts += 1
                learnt = self._dialect.after(error.raw, len(seeds), request)
                if error.kind == "rejected" and learnt != dialect:
                    self._dialect = learnt
                    if len(seeds) > 1 and not learnt.several:
                        return {}
                elif error.kind == "refused":
                    return {index: Completion("", "refused") for index in range(len(seeds))}
                elif error.kind not in RETRIED or attempts >= self._config.attempts:
                    raise self._final(error) from None

    def _same(self, found: dict[int, Completion]) -> dict[int, Completion]:
        """Raise RequestError if a different model answers under the same name: answers must not be mixed."""
        served = next(iter(found.values())).served
        self._served = self._served or served
        if served and served != self._served:
            raise RequestError("other_model", f"answered as {served!r}, and as {self._served!r} before")
        return found

    def _final(self, error: RequestError) -> ModelError:
        """Return the error for the caller, with the server's name."""
        message = f"{self._config.model} at {public_url(self._config.base_url)}, in batches: {error}"
        return ModelError(error.kind, self._redact.text(message), raw=self._redact.text(error.raw))

    async def __aenter__(self) -> Self:
        config = self._config
        address = addresses(config.base_url)[0]
        head = await request_head(config, address, self._secret, where=self._where)
        self._redact = redactor(*secrets_of(head.url, head.headers), *secrets_of(proxy(head.url) or "", {}))
        announce(config, self._secret, [head])
        self._package = client(config, address, self._secret, timeout=IDLE)
        calls = Calls(config, self._package, self._pause, self._redact)
        self._post = Post(
            calls,
            public_url(config.base_url),
            self._folder,
            self._redact.text,
            where=self._where,
            quiet=self._quiet,
            poll=self._poll,
        )
        # A run that is stopping does not wait for a batch, which may take a day.
        self._heed = ExitStack()
        self._heed.enter_context(STOP.on_stop(self._post.let_go))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heed.close()
        await self._post.close()
        await self._package.close()
