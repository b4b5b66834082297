"""Use any server that speaks the OpenAI chat API, or several that serve the same model. Only this layer retries.

The `openai` package supplies addresses, credentials and headers (see `credentials`). Sending through it costs ten times as
much as the transport, and it is not used for retries, deadlines or parsing: it passes HTML and empty replies on as answers,
retries after an unpaid bill, and lets a slow trickle of bytes outlast any timeout.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

import orjson

from rlaif.config import OpenAIModel, ServerFile
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import ModelError
from rlaif.core.progress import count_retry
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.capabilities import Dialect
from rlaif.models.openai.credentials import NO_SECRET, RequestHead, addresses, announce, public_url, request_head, secret
from rlaif.models.openai.deadline import Deadline
from rlaif.models.openai.endpoint import Endpoint
from rlaif.models.openai.errors import RequestError
from rlaif.models.openai.fill_missing import top_up
from rlaif.models.openai.fleet import follow, wait_for_servers
from rlaif.models.openai.inspector import RETRY, Inspector, count_observations
from rlaif.models.openai.load_balancer import LoadBalancer
from rlaif.models.openai.pace import Pace, tokens
from rlaif.models.openai.probe import answers, awaken, introduction, names, versioned
from rlaif.models.openai.request import body, most_bytes
from rlaif.models.openai.response import read_reply
from rlaif.models.openai.retry import ELAPSED, LONGEST_REST, LONGEST_WAIT, retrying

# Failures that mean that a server is in trouble, whatever the request.
TROUBLE: Final = frozenset({"connection", "timeout", "server"})
# The status of a server that fails at a request; a server that is down or too busy uses others.
SICK: Final = 500
# Open requests per allowed request in flight: while some pause before another attempt, others take their place.
HANDS: Final = 2
# After this many replies with fewer completions than requested, each completion is requested separately.
WITHHELD: Final = 3
# Long pauses, of at most an hour each, that one request waits for before it fails.
MOST_RESTS: Final = 24
# Estimates for token limits, before a reply reports its usage: the used share of `max_tokens`, and characters per token.
OUTPUT_SHARE, CHARACTERS = 0.25, 4
# Failures that a `base_url` without `/v1` may cause.
MISPLACED: Final = frozenset({"unknown_model", "rejected", "malformed"})


class OpenAI:
    """A served model. `pause` is the first back-off in seconds, which doubles with each attempt; `key` is the API key.

    `remarks` counts, by name and value, what the servers report about themselves and which workarounds they require. The
    code that stores the counts may empty it.
    """

    def __init__(self, config: OpenAIModel, *, where: str = "", pause: float = 0.5, key: str | None = None) -> None:
        self.config, self._where, self._pause = config, where, pause
        self._secret = key or secret(config, where=where)
        self._plain = self._dialect = Dialect.of(config)
        self._inspector = Inspector(config)
        self.server, self.name = public_url(config.base_url), config.model
        self.remarks: Counter[tuple[str, str]] = Counter()
        self._withheld = 0
        self._served: str | None = None
        self._trouble = ""
        self.hint: str | None = None
        self._following: asyncio.Task[None] | None = None
        self._looks: dict[int, asyncio.Task[None]] = {}
        self._paced = bool(config.requests_per_minute or config.tokens_per_minute)
        self._requests, self._tokens = Pace(config.requests_per_minute), Pace(config.tokens_per_minute)
        self._deadline = Deadline(config.timeout)
        self.concurrency = HANDS * config.concurrency

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return one completion per seed, in order. Missing ones of `n` are requested again, one at a time."""
        found: dict[int, Completion] = {}
        if request.n == 1 or self._dialect.several:
            found = await self.request(request, request.seeds)
            self._withheld += len(found) < request.n
            if self._withheld == WITHHELD:
                self._dialect = replace(self._dialect, several=False)
        return await top_up(request, found, self.request)

    async def request(self, request: ChatRequest, seeds: tuple[int, ...]) -> dict[int, Completion]:
        """Return completions by index in `seeds`, which are a part of the request's seeds; the server may omit some."""
        try:
            return await self._attempt(request, seeds)
        except RequestError as error:
            first = error
        try:
            return await self._again(request, seeds, first)
        except RequestError as error:
            if error.kind == "refused":
                return {index: Completion("", "refused") for index in range(len(seeds))}
            raise await self._final(error) from None

    async def _again(self, request: ChatRequest, seeds: tuple[int, ...], first: RequestError) -> dict[int, Completion]:
        """Make all attempts after the first, whose error is given: most requests need only one, and retrying has a cost."""
        failed = [first]

        async def attempt() -> dict[int, Completion]:
            if failed:
                raise failed.pop()
            return await self._attempt(request, seeds, again=True)

        return await retrying(self.config.attempts, self.config.timeout, self._pause, self._count_retry)(attempt)

    def _count_retry(self, kind: str) -> None:
        self.remarks[RETRY, kind] += 1
        count_retry(kind)

    async def _attempt(self, request: ChatRequest, seeds: tuple[int, ...], *, again: bool = False) -> dict[int, Completion]:
        """Send one request until it has an answer, adapting to the server's dialect and its requests for pauses."""
        rests = 0
        while True:
            dialect = self._dialect
            if dialect is not self._plain:
                self.remarks.update(dialect.given_up(self.config, request))
            payload = orjson.dumps(self._body(request, seeds, dialect))
            guess = len(payload) / CHARACTERS + len(seeds) * request.sampling.max_tokens * OUTPUT_SHARE
            try:
                if self._paced:
                    await self._keep_pace(guess)
                found = await self._send(payload, request, len(seeds), again=again or request.follows)
            except RequestError as error:
                learnt = self._dialect.after(error.raw, len(seeds), request)
                rests += 1
                if error.kind == "rejected" and learnt != dialect:
                    self._dialect = learnt
                    if len(seeds) > 1 and not learnt.several:
                        return {}
                elif error.kind != "rate_limited" or (error.wait or 0.0) <= LONGEST_WAIT or rests > MOST_RESTS:
                    raise
                else:
                    self._count_retry(error.kind)
            else:
                if self._paced:
                    self._tokens.correct(sum(map(tokens, found.values())) - guess)
                self._know(next(iter(found.values())).served)
                count_observations(found, self.remarks)
                self._inspector.inspect(request, found)
                return found

    async def _keep_pace(self, tokens: float) -> None:
        now = asyncio.get_running_loop().time()
        delay = max(self._requests.reserve(1, now), self._tokens.reserve(tokens, now))
        if delay:
            await asyncio.sleep(delay)

    async def _send(self, payload: bytes, request: ChatRequest, n: int, *, again: bool) -> dict[int, Completion]:
        """Return the parsed reply to one request for `n` completions, and update the server's window and health."""
        endpoint = await self._fleet.enter(request.about, again=again)
        began = asyncio.get_running_loop().time()
        try:
            with self._deadline:
                question = hash(tuple([turn["content"] for turn in request.messages]))
                data = await endpoint.send(payload, question=question, most_bytes=self._most_bytes(request, n))
            endpoint.answered(asyncio.get_running_loop().time() - began)
        except TimeoutError:
            late = RequestError("timeout", f"no whole reply within {self.config.timeout:g} s")
            raise self._learn(endpoint, late) from None
        except RequestError as error:
            raise self._learn(endpoint, error) from None
        finally:
            self._fleet.leave(endpoint)
        return self._read(data, n)

    def remark(self, name: str, value: str, times: int) -> None:
        """Count an observation about a server."""
        self.remarks[name, value] += times

    def _body(self, request: ChatRequest, seeds: tuple[int, ...], dialect: Dialect) -> dict[str, Any]:
        """Return the body of the request."""
        return body(self.config, request, seeds, dialect)

    def _most_bytes(self, request: ChatRequest, n: int) -> int:
        """Return the maximum size in bytes of the reply to a request for `n` completions."""
        return most_bytes(request, n)

    def _read(self, data: bytes, n: int) -> dict[int, Completion]:
        """Return the completions of a reply, by index."""
        reply = read_reply(data, n)
        if reply.surplus:
            self.remarks["surplus", "completions"] += reply.surplus
        if reply.fingerprint:
            self.remarks["fingerprint", reply.fingerprint] += 1
        return reply.found

    def _address(self, head: RequestHead) -> RequestHead:
        """Return the address and headers of requests, given those of chat requests."""
        return head

    async def _heads(self) -> list[RequestHead]:
        """Return the address and headers of each server."""
        config, key, where = self.config, self._secret, self._where
        return [await request_head(config, address, key, where=where) for address in addresses(config.base_url)]

    def _endpoint(self, head: RequestHead, number: int) -> Endpoint:
        """Return the connections to one server, with its window and health."""
        most, pause = self.config.concurrency, 2 * self._pause
        return Endpoint(self._address(head), most=most, pause=pause, number=number, remark=self.remark)

    def _learn(self, endpoint: Endpoint, error: RequestError) -> RequestError:
        """Update the server's window and health, and return the error in the form that matters for this run."""
        now = asyncio.get_running_loop().time()
        if error.kind in TROUBLE:
            self._trouble = str(error)
            endpoint.health.bad(now)
            if error.status == SICK and endpoint.health.probing:
                self._look_at(endpoint)
        if error.kind == "auth" and error.status == 403 and endpoint.fit:
            # The server accepted the key before, so the request is the reason.
            return RequestError("rejected", str(error), raw=error.raw)
        if error.kind == "rate_limited":
            endpoint.window.narrow()
            if error.wait and error.wait > LONGEST_REST:
                return RequestError("quota", f"{error}; it may be asked again in {error.wait / 3600:.1f} h", raw=error.raw)
            if error.wait and error.wait > LONGEST_WAIT:
                if endpoint.health.until <= now:
                    print(f"rlaif: {self.server} asks for a pause of {error.wait:.0f} s", file=sys.stderr, flush=True)
                endpoint.health.rest(now + error.wait)
        return error

    def _look_at(self, endpoint: Endpoint) -> None:
        """Find out whether a failing server is down or only fails at certain requests, whose input it cannot handle."""

        async def look() -> None:
            if await answers(self.heads[endpoint.number]):
                # The requests are the reason, so each uses up its attempts and then fails.
                endpoint.health.good()

        if endpoint.number not in self._looks:
            self._looks[endpoint.number] = task = asyncio.create_task(look())
            task.add_done_callback(lambda _: self._looks.pop(endpoint.number))

    def _know(self, served: str | None) -> None:
        """Stop the run if a server starts serving a different model under the same name: answers must not be mixed."""
        if served and self._served is None:
            self._served = served
        if served and served != self._served:
            raise RequestError("other_model", f"answered as {served!r}, and as {self._served!r} before")

    async def _final(self, error: RequestError) -> ModelError:
        """Return the error for the caller, with the server's name and how to fix it."""
        kind, message = error.kind, str(error)
        reached = any(endpoint.reached for endpoint in self._fleet.endpoints)
        if kind == "connection" and not reached:
            kind = "unreachable"
        if kind in MISPLACED and not any(endpoint.fit for endpoint in self._fleet.endpoints) and await self._misplaced():
            kind, message = "unknown_model", f"{message}\nThe server answers at {self.hint}: set base_url to that."
        elif kind == "unknown_model":
            message += f"\n{did_you_mean(self.config.model, await names(self.heads[0]))}"
        if kind == "unreachable" and self._trouble and self._trouble not in message:
            message += f", the last with: {self._trouble}"
        if "CERTIFICATE_VERIFY_FAILED" in message:
            message += "\nFor a certificate of your own, set SSL_CERT_FILE to the file that holds it."
        message = f"{self.config.model} at {public_url(self.config.base_url)}: {message}".strip()
        if kind == "auth":
            name = self.config.api_key.removeprefix("env:")
            given = f"The server did not accept the key in {name}."
            missing = f"The server asks for a key, and {name} is not set."
            message += f"\n{missing if self._secret == NO_SECRET else given}"
        return ModelError(kind, self._safe(message), raw=self._safe(error.raw))

    async def _misplaced(self) -> str:
        """Return the address with `/v1` if the server answers there and the given one lacks it; checked once."""
        if self.hint is None:
            self.hint = await versioned(self.heads[0])
        return self.hint

    def _safe(self, text: str) -> str:
        for endpoint in self._fleet.endpoints:
            text = endpoint.redact.text(text)
        return text

    async def meet(self) -> None:
        """Add to the remarks what the servers report about themselves."""
        for facts in await asyncio.gather(*(introduction(head, self.name) for head in self.heads)):
            self.remarks.update(facts)

    async def __aenter__(self) -> Self:
        config = self.config
        if isinstance(config.base_url, ServerFile):
            await wait_for_servers(config.base_url, config.start_timeout, self._where)
        self.heads = await self._heads()
        announce(config, self._secret, self.heads)
        if config.start_timeout:
            await awaken(self.heads, config.start_timeout)
        endpoints = [self._endpoint(head, number) for number, head in enumerate(self.heads)]
        self._fleet = LoadBalancer(endpoints, most=config.concurrency, patience=ELAPSED * config.timeout)
        if isinstance(config.base_url, ServerFile):
            known = dict(zip(addresses(config.base_url), endpoints, strict=False))
            self._following = asyncio.create_task(follow(config.base_url, self._fleet, known, self._admit))
        return self

    async def _admit(self, address: str) -> Endpoint | None:
        """Return a new server of the fleet, or None while it does not serve the model."""
        head = await request_head(self.config, address, self._secret, where=self._where)
        if self.config.model not in await names(head):
            return None
        self.heads.append(head)
        announce(self.config, self._secret, [head])
        self.remarks.update(await introduction(head, self.name))
        return self._endpoint(head, len(self.heads) - 1)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._looks.values():
            task.cancel()
        if self._following:
            self._following.cancel()
            await asyncio.wait({self._following})
        await self._fleet.close()
