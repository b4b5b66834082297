"""Any server that speaks the OpenAI chat API. This is the only layer that retries.

The `openai` package knows addresses, credentials and errors. It is not trusted with retries, deadlines or the reply's
content: it passes HTML and empty replies on as answers, retries an unpaid bill, and lets a slow drip of bytes outlast
any timeout.
"""

import asyncio
from types import TracebackType
from typing import Any, Final, Self

import tenacity

from rlaif.config import OpenAIModel
from rlaif.errors import TRANSIENT, ModelError
from rlaif.models.ask import Ask, Completion
from rlaif.models.openai_fault import RequestError, from_status
from rlaif.models.openai_reply import read_reply
from rlaif.models.openai_request import body
from rlaif.models.openai_server import NO_SECRET, VENDOR, public_url, secret
from rlaif.yaml_file import did_you_mean

# A reply that is no answer can be a proxy's hiccup, so it is asked for again.
RETRIED: Final = TRANSIENT | {"malformed"}
# Seconds. A server that wants to be left alone for longer is asked again on the next run.
LONGEST_WAIT: Final = 60.0
# All attempts and pauses of one request together, in attempts' time: one bad unit must not hold a whole run.
ELAPSED: Final = 5.0
# The longest reply that can be honest (64 completions of 4,096 tokens with 20 alternatives each) is a fifth of it.
MOST_BYTES: Final = 256 * 2**20
# Seconds for the question which models there are, which only makes an error message better.
LIST_TIMEOUT: Final = 5.0


class OpenAI:
    """A served model. `pause` is the first back-off in seconds; it doubles with each attempt."""

    def __init__(self, config: OpenAIModel, *, where: str = "", pause: float = 0.5) -> None:
        self._config, self._pause = config, pause
        self._secret = secret(config, where=where)
        self._slots = asyncio.Semaphore(config.concurrency)
        self._reached = False
        self.concurrency = config.concurrency

    async def complete(self, ask: Ask) -> list[Completion]:
        """One completion per seed, in order; what the server withholds of `n` is asked for again, one at a time."""
        found = await self._request(ask, ask.seeds)
        for index in range(ask.n):
            if index not in found:
                found[index] = (await self._request(ask, (ask.seeds[index],)))[0]
        return [found[index] for index in range(ask.n)]

    async def _request(self, ask: Ask, seeds: tuple[int, ...]) -> dict[int, Completion]:
        """Completions by place in `seeds`, some of which may be missing."""
        request = body(self._config, ask, seeds)
        try:
            async for attempt in self._attempts():
                with attempt:
                    return read_reply(await self._post(request), len(seeds))
        except RequestError as error:
            if error.kind == "refused":
                return {index: Completion("", "refused") for index in range(len(seeds))}
            raise await self._final(error) from None
        raise AssertionError("tenacity either returns or raises")

    def _attempts(self) -> tenacity.AsyncRetrying:
        """Tries and pauses: random, doubling, and after what the server asked for, so that clients do not meet again."""
        backoff = tenacity.wait_random_exponential(multiplier=self._pause, max=LONGEST_WAIT)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, RequestError) and error.wait else 0.0
            return min(asked, LONGEST_WAIT) + backoff(state)

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestError) and error.kind in RETRIED),
            stop=tenacity.stop_after_attempt(self._config.attempts)
            | tenacity.stop_before_delay(ELAPSED * self._config.timeout),
            wait=wait,
            reraise=True,
        )

    async def _post(self, request: dict[str, Any]) -> bytes:
        """The bytes of one reply. Raises RequestError for everything else."""
        import openai

        try:
            async with self._slots, asyncio.timeout(self._config.timeout), self._send(**request) as response:
                self._reached = True
                data = await _read(response)
                # A careless proxy says in its answer what it was sent.
                return data if self._secret == NO_SECRET else data.replace(self._secret.encode(), b"***")
        except TimeoutError:
            raise RequestError("timeout", f"no whole reply within {self._config.timeout:g} s") from None
        except openai.APIStatusError as error:
            self._reached = True
            raise from_status(error.status_code, error.response.headers, error.response.text) from None
        except openai.APIConnectionError as error:
            raise RequestError("connection", f"no connection: {error.__cause__ or error}") from None

    async def _final(self, error: RequestError) -> ModelError:
        """The error for the caller: with the server's name, and without the secret, whatever the server said."""
        kind, message = error.kind, str(error)
        if kind == "connection" and not self._reached:
            kind = "unreachable"
        if kind == "unknown_model":
            message += f"\n{did_you_mean(self._config.model, await self._served())}"
        message = f"{self._config.model} at {public_url(self._config.base_url)}: {message}".strip()
        return ModelError(kind, self._safe(message), raw=self._safe(error.raw))

    async def _served(self) -> list[str]:
        """The models that the server says it has."""
        import openai

        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                return [model.id async for model in self._client.models.list() if isinstance(model.id, str)]
        except (TimeoutError, openai.OpenAIError, ValueError, TypeError, AttributeError):
            return []

    def _safe(self, text: str) -> str:
        return text.replace(self._secret, "***") if self._secret != NO_SECRET else text

    async def __aenter__(self) -> Self:
        import openai

        self._client = openai.AsyncOpenAI(
            api_key=self._secret,
            base_url=self._config.base_url or VENDOR,
            max_retries=0,
            timeout=None,  # one deadline for the whole attempt stands around each request
            # A redirect could carry the key to another host.
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=None),
        )
        self._send = self._client.chat.completions.with_streaming_response.create
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()


async def _read(response: Any) -> bytes:
    """The whole body, unless it breaks off or never ends."""
    body = bytearray()
    try:
        async for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise RequestError("oversized", f"a reply of more than {MOST_BYTES // 2**20} MiB")
    except RequestError:
        raise
    except Exception as error:  # which classes these are depends on the HTTP library underneath
        raise RequestError("connection", f"the reply broke off: {error or type(error).__name__}") from None
    return bytes(body)
