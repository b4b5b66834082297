"""The few calls of a Batch API, by the `openai` package, each tried again for as long as the fault may pass."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import tenacity

from rlaif.config import OpenAIModel
from rlaif.errors import TRANSIENT
from rlaif.models.openai_fault import RequestError, from_status

if TYPE_CHECKING:
    import openai
    from openai.types import Batch

T = TypeVar("T")

RETRIED: Final = TRANSIENT | {"malformed"}
# Seconds. What takes a day outlasts an hour without a network.
PATIENCE: Final = 3600.0
LONGEST_WAIT: Final = 60.0
# Seconds for a file of a hundred megabytes, either way.
TRANSFER: Final = 1800.0
# The only window that vendors offer.
WINDOW: Final = "24h"


class Calls:
    """Calls to one vendor. `pause` is the first back-off in seconds. All raise RequestError."""

    def __init__(self, config: OpenAIModel, package: "openai.AsyncOpenAI", pause: float) -> None:
        self._config, self._package, self._pause = config, package, pause

    @property
    def url(self) -> Any:
        """What a batch's requests go to: Azure's addresses have no version in them."""
        return "/chat/completions" if self._config.api_version else "/v1/chat/completions"

    async def upload(self, requests: bytes) -> tuple[str, int]:
        """The new file's id, and when it was made."""

        async def once() -> tuple[str, int]:
            made = await self._package.files.create(file=("requests.jsonl", requests), purpose="batch")
            return made.id, made.created_at

        return await self._patiently(once, TRANSFER)

    async def begin(self, file: str, uploaded: int, *, again: bool = False) -> str:
        """The id of the batch of that file. Before another attempt (or `again`) it is looked for, so that none is made
        twice: an answer may have been lost, or its reader."""
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
            return made.id

        return await self._patiently(once, self._config.timeout)

    async def _find(self, file: str, uploaded: int) -> str | None:
        """Among the vendor's batches, newest first, none of which can be older than its file."""
        async for batch in self._package.batches.list(limit=100):
            if batch.input_file_id == file:
                return batch.id
            if batch.created_at < uploaded:
                break
        return None

    async def look(self, batch: str) -> "Batch":
        """How far a batch is."""
        return await self._patiently(lambda: self._package.batches.retrieve(batch), self._config.timeout)

    async def read(self, file: str, take: Callable[[bytes], bool]) -> None:
        """Gives the lines of a file to `take`, as they arrive; some of them twice, where it had to be tried again.

        `take` says whether it understood the line: a file without any such line is a proxy's page.
        """

        async def once() -> None:
            understood = 0
            async with self._package.files.with_streaming_response.content(file) as response:
                rest = b""
                async for chunk in response.iter_bytes():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        understood += take(line)
                        await asyncio.sleep(0)  # who waits for it can take it before the next one fills memory
                understood += take(rest)
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
            stop=tenacity.stop_before_delay(PATIENCE), wait=wait, reraise=True,
        )  # fmt: skip
        return await retrying(_told, call, timeout)


async def _told(call: Callable[[], Awaitable[T]], timeout: float) -> T:
    """The call's result, or its fault as a RequestError."""
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
        raise from_status(error.status_code, error.response.headers, error.response.text) from None
    except openai.APIConnectionError as error:
        raise RequestError("connection", f"no connection: {error.__cause__ or error}") from None
    except (openai.OpenAIError, ValueError, AttributeError, TypeError) as error:
        raise RequestError("malformed", f"a reply that cannot be read: {type(error).__name__}") from None
    except Exception as error:
        # In the middle of a file the package lets through what its HTTP library raises, which has changed its name.
        if not type(error).__module__.startswith("httpx"):
            raise
        raise RequestError("connection", f"no whole reply: {error or type(error).__name__}") from None
