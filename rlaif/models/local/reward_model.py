"""Run a reward model's checkpoint in this process; its completion of a chat is the reward of the last turn, as a number."""

import asyncio
from dataclasses import replace
from typing import Any, Final

from rlaif.core.errors import ModelError
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.local.batching import Draw, Settings
from rlaif.models.local.client import Transformers

# Nothing is sampled.
SETTINGS: Final = Settings(0.0, 1.0, 0, None)


class TransformersReward(Transformers):
    """A sequence-classification model with one label, batched like `Transformers`."""

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return the reward. Raises ModelError: `context_overflow` (nothing is cut), `rejected` (by the template), or
        `crashed`."""
        ids = self._engine.encode(request.messages)
        if len(ids) > self._engine.context:
            raise ModelError("context_overflow", f"a chat of {len(ids):,} tokens, of {self._engine.context:,} at most")
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((Draw(ids, 0, SETTINGS), answer))
        self._arrived.set()
        return [replace(await answer, prompt_tokens=len(ids))]

    def _open(self) -> Any:
        from rlaif.models.local.reward_engine import load

        return load(self._config, where=self._where)
