"""Work that several ask for at once and one does."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shared(Generic[Key, Value]):
    """What came of work, by key: about `most` results that are `lasting` are remembered, an error never is."""

    def __init__(self, most: int, lasting: Callable[[Value], bool] = lambda value: True) -> None:
        self._most, self._lasting = most, lasting
        self._tasks: dict[Key, asyncio.Task[Value]] = {}

    async def get(self, key: Key, make: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The work's result; the first who asks has it made. Whoever is cancelled meanwhile leaves the others to it."""
        if key not in self._tasks:
            self._make_room()
            task = self._tasks[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._drop(key, done))
        return await asyncio.shield(self._tasks[key])

    def _make_room(self) -> None:
        if len(self._tasks) >= self._most:
            self._tasks = {key: task for key, task in self._tasks.items() if not task.done()}

    def _drop(self, key: Key, task: asyncio.Task[Value]) -> None:
        """Of a task that is done: the next who asks has it made again, unless it gave something that lasts."""
        # Asking for the error also says that somebody has seen it.
        failed = task.cancelled() or task.exception() is not None
        if (failed or not self._lasting(task.result())) and self._tasks.get(key) is task:
            del self._tasks[key]
