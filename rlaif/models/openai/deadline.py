"""Share one timer between the deadlines of many requests: separate timers would cost more than reading the replies."""

import asyncio
from contextlib import AbstractContextManager
from types import TracebackType


class Deadline(AbstractContextManager[None]):
    """Raises TimeoutError in a task that spends more than `seconds` in the `with` block, as `asyncio.timeout` does.

    All tasks have the same time limit, so the one that began first is due first, and one timer, set for it, serves all.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[asyncio.Task[object], tuple[float, int]] = {}
        self._late: dict[asyncio.Task[object], int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        task, loop = _task(), asyncio.get_running_loop()
        self._due[task] = loop.time() + self._seconds, task.cancelling()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._ring)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        task = _task()
        if self._due.pop(task, None):
            return
        # The deadline cancelled the task; if other code cancelled it too, that cancellation takes precedence.
        if task.uncancel() <= self._late.pop(task) and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _ring(self) -> None:
        self._timer, loop = None, asyncio.get_running_loop()
        while self._due:
            task, (due, before) = next(iter(self._due.items()))
            if due > loop.time():
                self._timer = loop.call_at(due, self._ring)
                return
            del self._due[task]
            self._late[task] = before
            task.cancel()


def _task() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task
    return task
