"""What SIGINT, SIGTERM and SIGHUP (a closed terminal) do.

The first lets what is in flight come in, the second cancels it, the third leaves at once.

Only a process that calls `STOP.listen()` is stopped like this, as the command line does; a library leaves its host's
signals alone.
"""

import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

# Kubernetes and Slurm kill 30 s after they terminate; some of it is left to write what came in.
GRACE: Final = 20.0


class UnsentError(Exception):
    """What was waiting to be asked when the process was told to stop: it stays owed.

    `found` is, by place, what was had of it nevertheless.
    """

    def __init__(self) -> None:
        self.found: Mapping[int, Any] = {}
        super().__init__("not sent")


# Windows has no hang-up.
SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Stop:
    """How often this process was told to stop, and what has to hear of it. `exit_code` is 128 + the first signal."""

    def __init__(self) -> None:
        self.exit_code = 0
        self._grace = GRACE
        self._heard = 0
        self._halts: list[Callable[[], None]] = []
        self._work: asyncio.Task[Any] | None = None
        self._cancelled = False

    @property
    def asked(self) -> bool:
        return self._heard > 0

    def listen(self, grace: float = GRACE) -> None:
        """Takes the signals, but one that is ignored stays so (`nohup`); what is in flight then has `grace` seconds."""
        self._grace = grace
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    def over(self) -> None:
        """All that is kept is kept: from now on a signal only makes the process leave sooner, with the same exit code."""
        self._heard = 2

    async def attended(self, work: Coroutine[Any, Any, T]) -> T:
        """The work's result. A stop halts what `heeded` names, or cancels the work where there is no such thing."""
        import asyncio

        before, self._work = self._work, asyncio.current_task()
        try:
            return await work
        finally:
            self._work = before

    @contextmanager
    def heeded(self, halt: Callable[[], None]) -> Iterator[None]:
        """Within it, the first signal calls `halt`, which must make the work end by itself; at once if it came before."""
        self._halts.append(halt)
        try:
            if self.asked:
                halt()
            yield
        finally:
            self._halts.remove(halt)

    def check(self) -> None:
        """Raises KeyboardInterrupt if a stop was asked for."""
        if self.asked:
            raise KeyboardInterrupt

    def _hear(self, number: int, frame: Any) -> None:
        self._heard += 1
        self.exit_code = self.exit_code or 128 + number
        if self._heard > 2:
            os._exit(self.exit_code)
        if self._work is None:
            raise KeyboardInterrupt
        if self._heard == 1 and self._halts:
            _say(f"\nStopping: waiting up to {self._grace:g} s for what is in flight. Again: do not wait.\n")
            self._work.get_loop().call_soon_threadsafe(self._halt, self._work)
        else:
            self._work.get_loop().call_soon_threadsafe(self._cancel, self._work)

    def _halt(self, work: "asyncio.Task[Any]") -> None:
        for halt in tuple(self._halts):
            halt()
        work.get_loop().call_later(self._grace, self._cancel, work)

    def _cancel(self, work: "asyncio.Task[Any]") -> None:
        """Once only: a second time would end the writing of what came in."""
        if not self._cancelled:
            self._cancelled = True
            work.cancel()


def _say(text: str) -> None:
    """Not by `print`: a signal may have come in the middle of one."""
    try:
        os.write(2, text.encode())
    except OSError:
        # The terminal is gone. What is said from now on goes nowhere, and ends nothing.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in (1, 2):
            os.dup2(nowhere, output)


STOP: Final = Stop()
