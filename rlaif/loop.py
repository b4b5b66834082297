"""Runs asynchronous work from where nothing is asynchronous, on the fastest event loop there is."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rlaif.stop import STOP, UnsentError

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """The work's result. Where a loop runs already, as in a notebook, the work runs in a thread of its own.

    Raises KeyboardInterrupt if it was told to stop, however much of the work is done.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    with ThreadPoolExecutor(1, "rlaif-loop") as thread:
        return thread.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    # What is loaded stays, so the collector need not look through all of it while thousands of requests come and go.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=factory()) as runner:
            return within(runner, work)
    finally:
        gc.unfreeze()


def within(runner: asyncio.Runner, work: Coroutine[Any, Any, T]) -> T:
    """The same in a loop that is kept for other work to come."""
    try:
        result = runner.run(STOP.attended(work))
    except (asyncio.CancelledError, UnsentError):
        STOP.check()
        raise
    STOP.check()
    return result


def factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the fastest loop there is."""
    try:
        import uvloop
    except ModuleNotFoundError:  # it does not exist for Windows
        return None
    return uvloop.new_event_loop
