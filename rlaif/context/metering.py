"""A metered model for auxiliary calls, which are not units of a stage: their cost is stored and counts towards the budget.

Embeddings find the passages that support a claim, and reward models score sampled responses; neither writes a row of the
kind that responses and judgements write.
"""

import asyncio
import json
from collections import deque
from typing import Protocol

from rlaif.config import ModelConfig
from rlaif.context.budget import Budget, tokens_of
from rlaif.context.facts import Facts
from rlaif.context.run import now
from rlaif.models.base import AlwaysOpen, ChatRequest, Completion, Model
from rlaif.models.registry import identity


class Metering(Protocol):
    """Where the cost goes: the run's key, its budget, and the place for its facts."""

    @property
    def run(self) -> str: ...

    @property
    def budget(self) -> Budget: ...

    @property
    def facts(self) -> Facts: ...


class MeteredModel(AlwaysOpen):
    """An open `model` with its configuration, called on behalf of `stage`. A reply is returned once its cost is stored."""

    def __init__(self, context: Metering, model: Model, config: ModelConfig, stage: str, *, where: str = "") -> None:
        self.concurrency = model.concurrency
        self._context, self._model = context, model
        self._whose = {"run": context.run, "stage": stage, "model": json.dumps(identity(config, where=where))}
        self._meter = context.budget.beside(stage, config)
        # Prompt tokens of each reply, and whether they are estimated.
        self._unkept: deque[tuple[int, bool]] = deque()
        self._lock = asyncio.Lock()

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return the model's completions."""
        found = await self._model.complete(request)
        counted = [each.prompt_tokens for each in found if each.prompt_tokens is not None]
        guess = round(tokens_of(*(turn["content"] for turn in request.messages)))
        self._unkept.append((sum(counted) if counted else guess, not counted))
        # One caller stores the costs of all callers that wait here.
        async with self._lock:
            if self._unkept:
                await self._keep([self._unkept.popleft() for _ in range(len(self._unkept))])
        return found

    async def _keep(self, replies: list[tuple[int, bool]]) -> None:
        tokens = sum(count for count, _ in replies)
        row = {"calls": len(replies), "prompt_tokens": tokens, "guessed": sum(guessed for _, guessed in replies)}
        await asyncio.to_thread(self._context.facts.append, "auxiliary_calls", [self._whose | row | {"created": now()}])
        if self._meter:
            self._context.budget.count(self._meter, len(replies), tokens)
