"""Run asynchronous work from synchronous code, on the fastest event loop that is installed."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rlaif.core.signals import STOP, UnsentError

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result. Where a loop is running already, as in a notebook, the work runs in another thread.

    Raises KeyboardInterrupt if a stop was requested, however much of the work is done.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(work)
    with ThreadPoolExecutor(1, "rlaif-loop") as thread:
        return thread.submit(_run, work).result()


def _run(work: Coroutine[Any, Any, T]) -> T:
    # Loaded modules stay, so the garbage collector need not scan them while thousands of requests come and go.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=factory()) as runner:
            return within(runner, work)
    finally:
        gc.unfreeze()


def within(runner: asyncio.Runner, work: Coroutine[Any, Any, T]) -> T:
    """Do the same in a loop that is kept for later work."""
    try:
        result = runner.run(STOP.supervise(work))
    except (asyncio.CancelledError, UnsentError):
        STOP.check()
        raise
    STOP.check()
    return result


def factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the constructor of uvloop, or None for the standard loop."""
    try:
        import uvloop
    except ModuleNotFoundError:  # not available for Windows
        return None
    return uvloop.new_event_loop
