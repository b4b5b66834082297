"""Single flight: do work once that several callers request at the same time."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shared(Generic[Key, Value]):
    """Results of work by key. About `most` results for which `lasting` is true are remembered; errors never are."""

    def __init__(self, most: int, lasting: Callable[[Value], bool] = lambda value: True) -> None:
        self._most, self._lasting = most, lasting
        self._tasks: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, make: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Return the result, made for the first caller. A caller that is cancelled does not cancel it for the others."""
        if key not in self._tasks:
            self._make_room()
            task = self._tasks[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._drop(key, done))
        return await asyncio.shield(self._tasks[key])

    def _make_room(self) -> None:
        if len(self._tasks) >= self._most:
            self._tasks = {key: task for key, task in self._tasks.items() if not task.done()}

    def _drop(self, key: Key, task: asyncio.Task[Value]) -> None:
        """Forget a finished task, so that the next caller repeats the work, unless its result is lasting."""
        # Reading the exception also marks it as retrieved.
        failed = task.cancelled() or task.exception() is not None
        if (failed or not self._lasting(task.result())) and self._tasks.get(key) is task:
            del self._tasks[key]
