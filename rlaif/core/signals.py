"""Handle SIGINT, SIGTERM and SIGHUP (a closed terminal).

The first signal waits for open requests, the second cancels them, the third ends the process at once. The process always
ends some seconds after the grace period: queries are interrupted, and a step that does not react is abandoned; nothing that
is stored is lost.

Only a process that calls `STOP.listen()`, as the command line does, handles signals like this; a library leaves the signal
handlers of its host alone.
"""

import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

# Kubernetes and Slurm kill a process 30 s after the first signal; the rest of that time is for writing results.
GRACE: Final = 20.0
# How much later a process is ended that has not ended by itself.
LAST_SECONDS: Final = 4.0
# How long the event loop may be unresponsive before the query that blocks it is interrupted.
DEAF_SECONDS: Final = 5.0


class UnsentError(Exception):
    """A request that was not sent because the process was asked to stop; its unit stays pending.

    `found` holds, by place, completions that were received nevertheless.
    """

    def __init__(self) -> None:
        self.found: Mapping[int, Any] = {}
        super().__init__("not sent")


# Windows has no SIGHUP.
SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stop:
    """Counts the stop signals of this process and reacts to them. `exit_code` is 128 + the first signal."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._grace = GRACE
        self._heard = 0
        self._halts: list[Callable[[], None]] = []
        self._interrupts: list[Callable[[], None]] = []
        self._work: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._ending = False
        # The system writes each signal's number to this pipe at once, whatever the main thread is doing.
        self._wakeup = -1

    @property
    def requested(self) -> bool:
        return self._heard > 0

    def listen(self, grace: float = GRACE) -> None:
        """Handle the signals, except those that are ignored (`nohup`); open requests have `grace` seconds to finish."""
        self._grace = grace
        signals, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        if hasattr(os, "register_at_fork"):
            # Signals that stop a forked child, such as a data loader worker, must not be taken for ours.
            os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1) and None)
        threading.Thread(target=self._watch, args=(signals,), daemon=True, name="rlaif-stop").start()
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    def finish(self) -> None:
        """Record that all results are stored: from now on a signal only ends the process sooner, with the same exit code."""
        self._heard = 2

    async def supervise(self, work: Coroutine[Any, Any, T]) -> T:
        """Await the work. A stop calls what `on_stop` registers, or cancels the work if nothing is registered."""
        import asyncio

        before, self._work = self._work, asyncio.current_task()
        listening = self._wakeup >= 0 and threading.current_thread() is threading.main_thread()
        # The event loop has set another wakeup descriptor, which it reads only when it is not busy.
        loops = signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False) if listening else -1
        try:
            return await work
        finally:
            self._work = before
            if listening:
                signal.set_wakeup_fd(loops, warn_on_full_buffer=False)

    @contextmanager
    def on_stop(self, halt: Callable[[], None]) -> Iterator[None]:
        """Call `halt`, which must make the work end, on the first signal within the block; at once if it came before."""
        self._halts.append(halt)
        try:
            if self.requested:
                halt()
            yield
        finally:
            self._halts.remove(halt)

    def interrupted_by(self, interrupt: Callable[[], None]) -> Callable[[], None]:
        """Register a function that interrupts a query from another thread; return a function that unregisters it."""
        self._interrupts.append(interrupt)

        def take_back() -> None:
            with suppress(ValueError):
                self._interrupts.remove(interrupt)

        return take_back

    def check(self) -> None:
        """Raise KeyboardInterrupt if a stop was requested."""
        if self.requested:
            raise KeyboardInterrupt

    def caused(self, error: BaseException) -> bool:
        """Return whether a stop caused this error; DuckDB reports interruptions by several kinds of error."""
        wording = isinstance(error, RuntimeError) or "interrupt" in str(error).lower()
        return isinstance(error, KeyboardInterrupt) or (self.requested and wording)

    def _hear(self, number: int, frame: Any) -> None:
        self._heard += 1
        self.exit_code = self.exit_code or 128 + number
        if self._heard > 2:
            os._exit(self.exit_code)
        if self._work is None:
            raise KeyboardInterrupt
        if self._heard == 1 and self._halts:
            _say(f"\nStopping: waiting up to {self._grace:g} s for open requests. Repeat to stop at once.\n")
            self._work.get_loop().call_soon_threadsafe(self._halt, self._work)
        else:
            self._work.get_loop().call_soon_threadsafe(self._cancel, self._work)

    def _halt(self, work: "asyncio.Task[Any]") -> None:
        for halt in tuple(self._halts):
            halt()
        work.get_loop().call_later(self._grace, self._cancel, work)

    def _cancel(self, work: "asyncio.Task[Any]") -> None:
        """Cancel the work, but only once: a second cancellation would end the writing of results."""
        if not self._cancelled:
            self._cancelled = True
            work.cancel()

    def _watch(self, signals: int) -> None:
        """React to signals in a separate thread, because the main thread may be inside a query or a long step."""
        while True:
            numbers = [number for number in os.read(signals, 64) if number in SIGNALS]
            if not numbers:
                continue
            if not self._ending:
                self._ending = True
                self._after(self._grace + LAST_SECONDS, partial(self._abandon, 128 + numbers[0]))
            if self._work is None:
                self._interrupt()
            else:
                self._wake(self._work.get_loop())

    def _wake(self, loop: "asyncio.AbstractEventLoop") -> None:
        """Wake an idle loop so that it sees the signal; interrupt the query that blocks a busy one."""
        answered = threading.Event()
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(answered.set)

        def interrupt_if_busy() -> None:
            if not answered.is_set():
                self._interrupt()

        self._after(DEAF_SECONDS, interrupt_if_busy)

    def _after(self, seconds: float, action: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()

    def _interrupt(self) -> None:
        for interrupt in tuple(self._interrupts):
            # The connection may have been closed meanwhile.
            with suppress(Exception):
                interrupt()

    def _abandon(self, exit_code: int) -> None:
        _say("\nStopped in the middle of a step. Everything that was finished is stored; the same command continues.\n")
        os._exit(self.exit_code or exit_code)


def _say(text: str) -> None:
    """Write to stderr, but not with `print`: a signal may have come in the middle of one."""
    try:
        os.write(2, text.encode())
    except OSError:
        # The terminal is gone. Further output is discarded and raises no error.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in (1, 2):
            os.dup2(nowhere, output)


STOP: Final = Stop()
