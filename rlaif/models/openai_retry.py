"""When a request is sent again, how often, and after what pause."""

import asyncio
import random
from typing import Final

import tenacity

from rlaif.errors import TRANSIENT
from rlaif.models.openai_fault import RequestError

# A reply that is no answer can be a proxy's hiccup, so it is asked for again.
RETRIED: Final = TRANSIENT | {"malformed"}
# Seconds. A server that wants to be left alone for longer is asked nothing at all until then, and the attempt is not
# counted; one that wants an hour will not serve this run.
LONGEST_WAIT, LONGEST_REST = 60.0, 3600.0
# Seconds before another attempt after a fault of the moment. A server that is down is the matter of its health, not of
# each request, which would only be late.
LONGEST_PAUSE: Final = 2.0
# All attempts and pauses of one request together, in attempts' time: one bad unit must not hold a whole run.
ELAPSED: Final = 5.0


def retrying(attempts: int, timeout: float, pause: float) -> tenacity.AsyncRetrying:
    """Tries and pauses: random, so that clients do not meet again, and doubling, unless the server said how long.

    `timeout` is one attempt's deadline and `pause` the first back-off, in seconds.
    """
    patient = tenacity.wait_random_exponential(multiplier=pause, max=LONGEST_WAIT)
    brisk = tenacity.wait_random_exponential(multiplier=pause, max=LONGEST_PAUSE)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RequestError) or error.kind == "timeout":
            # That one has waited for a whole deadline.
            return 0.0
        if error.wait:
            return min(error.wait, LONGEST_WAIT) + random.uniform(0, pause)
        return (patient if error.kind == "rate_limited" else brisk)(state)

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestError) and error.kind in RETRIED),
        stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_before_delay(ELAPSED * timeout),
        wait=wait,
        sleep=_pause,
        reraise=True,
    )


async def _pause(seconds: float) -> None:
    """Without a pause nobody else gets a turn, so that what is asked again at once keeps its place (see Fleet.leave)."""
    if seconds > 0:
        await asyncio.sleep(seconds)
