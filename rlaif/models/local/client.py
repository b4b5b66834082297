"""Run a checkpoint in this process. Requests that wait at the same time are computed as one batch, in a worker thread.

A completion depends on its seed alone, never on the rest of its batch (except for rounding), so a sample can be drawn again
alone. JSON schemas are not enforced: `ChatRequest.schema` is ignored, and the reply may be malformed.
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rlaif.config import TransformersModel
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Message
from rlaif.models.base import ChatRequest, Completion, Likelihood
from rlaif.models.local.batching import Draw, Settings, batches, output_limit
from rlaif.models.local.checkpoint import locate

if TYPE_CHECKING:
    from rlaif.models.local.engine import Engine

# Requests that are sent together arrive within a few turns of the event loop; a batch that starts without them costs more.
GATHER_SECONDS: Final = 0.005
# Requests in flight, in batches: while every lane computes one batch, enough others wait to be sorted by length.
WINDOW: Final = 8

Waiting = tuple[Draw, asyncio.Future[Completion]]


class Transformers:
    """A model of the transformers library, loaded on entry and freed on exit."""

    def __init__(self, config: TransformersModel, *, where: str = "") -> None:
        locate(config.path, where=where)
        self.concurrency = WINDOW * config.batch
        self._config, self._where = config, where
        self._waiting: list[Waiting] = []
        self._batches: deque[list[Waiting]] = deque()
        self._arrived, self._turn = asyncio.Event(), asyncio.Lock()
        self._stopped = threading.Event()

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return one completion per seed. Raises ModelError: `context_overflow`, `rejected` (by the template), `crashed`."""
        ids = self._engine.encode(request.messages)
        room = self._engine.context - len(ids)
        if room < 1:
            raise ModelError(
                "context_overflow", f"a prompt of {len(ids):,} tokens leaves no room in {self._engine.context:,}"
            )
        sampling = request.sampling
        limit = output_limit(sampling.max_tokens, room)
        temperature = 1.0 if sampling.temperature is None else sampling.temperature
        settings = Settings(temperature, sampling.top_p, limit, request.top_logprobs)
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in request.seeds]
        self._waiting += [(Draw(ids, seed, settings), answer) for seed, answer in zip(request.seeds, answers, strict=True)]
        self._arrived.set()
        first, *others = await asyncio.gather(*answers)
        return [replace(first, prompt_tokens=len(ids)), *others]

    async def score(self, messages: Sequence[Message], answer: str, *, ended: bool) -> Likelihood:
        """Return the likelihood that the model answers a chat with this text, and then stops if it `ended`.

        The temperature is 1, whatever the text was sampled at. Raises ModelError as `complete` does.
        """
        ids, tokens = self._engine.encode(messages), self._engine.continuation(answer, ended=ended)
        if len(ids) + len(tokens) > self._engine.context:
            raise ModelError("context_overflow", f"{len(ids) + len(tokens):,} tokens, of {self._engine.context:,} at most")
        loop = asyncio.get_running_loop()
        try:
            logprobs = await loop.run_in_executor(self._threads, self._engine.score, ids, tokens)
        except Exception as error:
            raise ModelError("crashed", f"{self._config.path}: {error}") from error
        return Likelihood(tokens, logprobs)

    async def _work(self) -> None:
        """Run one lane, which computes batch after batch while the model is open."""
        while True:
            batch = await self._next()
            try:
                await self._compute([each for each in batch if not each[1].done()])
            finally:
                _cancel(batch)  # requests without an answer by now will never get one

    async def _next(self) -> list[Waiting]:
        """Return the next batch; if none is left, divide all waiting requests into batches first."""
        async with self._turn:
            while not self._batches:
                await self._arrived.wait()
                await self._gather()
                self._arrived.clear()
                waiting, self._waiting = self._waiting, []
                self._batches.extend(batches(waiting, self._config.batch))
            return self._batches.popleft()

    async def _gather(self) -> None:
        """Wait until a whole batch is waiting or no more requests arrive."""
        before = 0
        while before < len(self._waiting) < self._config.batch:
            before = len(self._waiting)
            await asyncio.sleep(GATHER_SECONDS)

    async def _compute(self, batch: Sequence[Waiting]) -> None:
        if not batch:
            return
        loop = asyncio.get_running_loop()
        try:
            completions = await loop.run_in_executor(self._threads, self._engine.complete, [draw for draw, _ in batch])
        except Exception as error:
            kind = error.kind if isinstance(error, ModelError) else "crashed"
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(ModelError(kind, f"{self._config.path}: {error}"))
            return
        for (_, answer), completion in zip(batch, completions, strict=True):
            if not answer.done():
                answer.set_result(completion)

    async def __aenter__(self) -> Self:
        # In a thread: importing torch and loading take seconds.
        self._engine = await asyncio.to_thread(self._load)
        lanes = self._engine.lanes
        self._threads = ThreadPoolExecutor(lanes, "rlaif-lane", initializer=self._engine.enter_lane)
        self._workers = [asyncio.create_task(self._work()) for _ in range(lanes)]
        return self

    def _load(self) -> "Engine":
        # The library reads this variable on import.
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        try:
            return self._open()
        except ModuleNotFoundError as error:
            raise InputError(
                f"kind: transformers needs {error.name}, which is not installed",
                where=self._where,
                fix="Run `pip install 'rlaif[train]'`.",
            ) from None

    def _open(self) -> "Engine":
        from rlaif.models.local.engine import load

        return load(self._config, stopped=self._stopped.is_set, where=self._where)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for batch in (*self._batches, self._waiting):
            _cancel(batch)
        self._threads.shutdown()
        self._engine.free()


def _cancel(waiting: Sequence[Waiting]) -> None:
    for _, answer in waiting:
        answer.cancel()
