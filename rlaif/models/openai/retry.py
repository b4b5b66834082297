"""Decide whether a request is retried, how often, and after what pause."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import tenacity

from rlaif.core.errors import TRANSIENT
from rlaif.models.openai.errors import RequestError

# A malformed reply may come from a proxy in trouble, so the request is retried.
RETRIED: Final = TRANSIENT | {"malformed"}
# Seconds. A server that asks for a longer pause gets no requests at all until then, and the attempt is not counted; if it
# asks for more than an hour, the run stops.
LONGEST_WAIT, LONGEST_REST = 60.0, 3600.0
# Seconds before another attempt after a momentary fault. `Health` sets a server aside that is down; longer pauses of each
# request would only cause delay.
LONGEST_PAUSE: Final = 2.0
# The maximum time of all attempts and pauses of one request, in multiples of the deadline, so that no unit delays a run.
ELAPSED: Final = 5.0


def retrying(attempts: int, timeout: float, pause: float, count: Callable[[str], None]) -> tenacity.AsyncRetrying:
    """Return the retry policy: random pauses, so that clients do not collide, which double unless the server sets them.

    `timeout` is one attempt's deadline and `pause` the first back-off, in seconds. `count` is called with the kind of the
    failure before each attempt after the first.
    """
    patient = tenacity.wait_random_exponential(multiplier=pause, max=LONGEST_WAIT)
    brisk = tenacity.wait_random_exponential(multiplier=pause, max=LONGEST_PAUSE)

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RequestError) or error.kind == "timeout":
            # The attempt has already waited for a whole deadline.
            return 0.0
        if error.wait:
            return min(error.wait, LONGEST_WAIT) + random.uniform(0, pause)
        return (patient if error.kind == "rate_limited" else brisk)(state)

    def failed(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RequestError):
            count(error.kind)

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, RequestError) and error.kind in RETRIED),
        stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_before_delay(ELAPSED * timeout),
        wait=wait,
        sleep=_pause,
        before_sleep=failed,
        reraise=True,
    )


async def _pause(seconds: float) -> None:
    """Sleep; a pause of 0 does not yield, so that a request that is retried at once keeps its place (LoadBalancer.leave)."""
    if seconds > 0:
        await asyncio.sleep(seconds)
