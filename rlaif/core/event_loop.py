"""Run asynchronous work from synchronous code, on the fastest event loop that is installed."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any, Final, TypeVar

from rlaif.core.signals import STOP, UnsentError

T = TypeVar("T")

# The new objects after which the garbage collector looks for cycles: those of some hundred open requests.
YOUNG: Final = 20_000


class Cancellation:
    """Cancels the work that `run` runs in another thread, and all that it would run there afterwards."""

    def __init__(self) -> None:
        self._cancelled = False
        self._running: asyncio.Task[Any] | None = None

    async def watch(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the work's result. Raises CancelledError after `cancel`."""
        self._running = asyncio.current_task()
        try:
            if self._cancelled:
                work.close()
                raise asyncio.CancelledError
            return await work
        finally:
            self._running = None

    def cancel(self) -> None:
        self._cancelled = True
        task = self._running
        if task:
            # The loop may have been closed in the meantime.
            with suppress(RuntimeError):
                task.get_loop().call_soon_threadsafe(task.cancel)


_cancellation: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


async def in_thread(function: Callable[[], T]) -> T:
    """Return the result of a function that calls `run`, in a thread. If this task is cancelled, so is the work there."""
    cancellation, context = Cancellation(), copy_context()
    context.run(_cancellation.set, cancellation)
    thread = asyncio.get_running_loop().run_in_executor(None, context.run, function)
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        cancellation.cancel()
        # Until the work has ended, it holds the store.
        await asyncio.wait([thread])
        raise


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return the work's result. Where a loop is running already, as in a notebook, the work runs in another thread.

    Raises KeyboardInterrupt if a stop was requested, however much of the work is done.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        cancellation = _cancellation.get()
        return _run(cancellation.watch(work) if cancellation else work)
    cancellation = Cancellation()
    with ThreadPoolExecutor(1, "rlaif-loop") as executor:
        thread = executor.submit(_run, cancellation.watch(work))
        try:
            return thread.result()
        except KeyboardInterrupt:
            # A notebook interrupts its main thread only.
            cancellation.cancel()
            raise


def _run(work: Coroutine[Any, Any, T]) -> T:
    # Loaded modules stay, so the garbage collector need not scan them while thousands of requests come and go. Requests
    # leave few cycles behind, so that it need not look for any after each few of them.
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *thresholds[1:])
    try:
        with asyncio.Runner(loop_factory=factory()) as runner:
            return within(runner, work)
    finally:
        gc.set_threshold(*thresholds)
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
