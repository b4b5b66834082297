"""Call a Batch API through the `openai` package. Each call is retried while the fault may be temporary."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import tenacity

from rlaif.config import OpenAIModel
from rlaif.core.errors import TRANSIENT
from rlaif.models.openai.errors import RequestError, from_status
from rlaif.models.redaction import Redactor

if TYPE_CHECKING:
    import openai
    from openai.types import Batch

T = TypeVar("T")

RETRIED: Final = TRANSIENT | {"malformed"}
# In seconds: a job that takes a day should survive an hour without a network.
PATIENCE: Final = 3600.0
LONGEST_WAIT: Final = 60.0
# Seconds for a file of a hundred megabytes, either way.
TRANSFER: Final = 1800.0
# The maximum bytes of one line in a file of answers.
LONGEST_LINE: Final = 256 * 2**20
# The only completion window that vendors offer.
WINDOW: Final = "24h"


class Calls:
    """Calls to one vendor, whose replies pass through `redact`. `pause` is the first back-off in seconds.

    All calls raise RequestError.
    """

    def __init__(self, config: OpenAIModel, package: "openai.AsyncOpenAI", pause: float, redact: Redactor) -> None:
        self._config, self._package, self._pause, self._redact = config, package, pause, redact

    @property
    def url(self) -> Any:
        """Return the endpoint of a batch's requests; Azure's has no version in it."""
        return "/chat/completions" if self._config.api_version else "/v1/chat/completions"

    async def upload(self, requests: bytes) -> tuple[str, int]:
        """Upload a file of requests, and return its id and creation time."""

        async def once() -> tuple[str, int]:
            made = await self._package.files.create(file=("requests.jsonl", requests), purpose="batch")
            return self._id(made.id), made.created_at

        return await self._patiently(once, TRANSFER)

    async def begin(self, file: str, uploaded: int, *, again: bool = False) -> str:
        """Start the batch of that file and return its id.

        Before another attempt (or with `again`), the batch is looked up, so that none is started twice: the reply, or the
        process that waited for it, may have been lost.
        """
        begun = again

        async def once() -> str:
            nonlocal begun
            found = await self._find(file, uploaded) if begun else None
            begun = True
            if found:
                return found
            made = await self._package.batches.create(
                input_file_id=file, endpoint=self.url, completion_window=WINDOW, metadata={"made_by": "rlaif"}
            )
            return self._id(made.id)

        return await self._patiently(once, self._config.timeout)

    def _id(self, text: str) -> str:
        """Return an id that is safe to record. Raises RequestError if the vendor put a secret into it."""
        if self._redact.text(text) != text:
            raise RequestError("malformed", "an id with the key in it")
        return text

    async def _find(self, file: str, uploaded: int) -> str | None:
        """Look for the file's batch among the vendor's batches, newest first; none can be older than its file."""
        async for batch in self._package.batches.list(limit=100):
            if batch.input_file_id == file:
                return batch.id
            if batch.created_at < uploaded:
                break
        return None

    async def look(self, batch: str) -> "Batch":
        """Return the state of a batch."""
        return await self._patiently(lambda: self._package.batches.retrieve(batch), self._config.timeout)

    async def read(self, file: str, take: Callable[[bytes], bool]) -> None:
        """Pass the lines of a file to `take` as they arrive; some of them twice if the file had to be read again.

        `take` returns whether it understood the line; a file without any such line is an error page of a proxy.
        """

        async def once() -> None:
            understood = 0
            async with self._package.files.with_streaming_response.content(file) as response:
                rest = b""
                async for chunk in response.iter_bytes():
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > LONGEST_LINE:
                        raise RequestError("malformed", f"file {file} has a line of more than {LONGEST_LINE // 2**20} MiB")
                    for line in lines:
                        understood += take(self._redact(line))
                        await asyncio.sleep(0)  # the waiting caller can take the answer before the next one fills memory
                understood += take(self._redact(rest))
            if not understood:
                raise RequestError("malformed", f"file {file} holds no answers")

        await self._patiently(once, TRANSFER)

    async def _patiently(self, call: Callable[[], Awaitable[T]], timeout: float) -> T:
        backoff = tenacity.wait_random_exponential(multiplier=self._pause, max=LONGEST_WAIT)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, RequestError) and error.wait else 0.0
            return min(asked, LONGEST_WAIT) + backoff(state)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestError) and error.kind in RETRIED),
            stop=tenacity.stop_before_delay(PATIENCE),
            wait=wait,
            reraise=True,
        )
        return await retrying(self._once, call, timeout)

    async def _once(self, call: Callable[[], Awaitable[T]], timeout: float) -> T:
        """Make one attempt. Raises its error as a RequestError."""
        import openai

        try:
            async with asyncio.timeout(timeout):
                return await call()
        except RequestError:
            raise
        except (TimeoutError, openai.APITimeoutError):
            raise RequestError("timeout", f"no reply within {timeout:g} s") from None
        except openai.APIStatusError as error:
            await error.response.aread()
            raise from_status(error.status_code, error.response.headers, self._redact.text(error.response.text)) from None
        except openai.APIConnectionError as error:
            raise RequestError("connection", self._redact.text(f"no connection: {error.__cause__ or error}")) from None
        except (openai.OpenAIError, ValueError, AttributeError, TypeError) as error:
            raise RequestError("malformed", f"a reply that cannot be read: {type(error).__name__}") from None
        except Exception as error:
            # While a file is read, the package passes on errors of its HTTP library, whose name has changed.
            if not type(error).__module__.startswith("httpx"):
                raise
            raise RequestError("connection", self._redact.text(f"no whole reply: {error or type(error).__name__}")) from None
