"""A client of the local Batch API that waits milliseconds instead of minutes."""

import asyncio
from pathlib import Path
from typing import Any

from rlaif.config import OpenAIModel
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.batch.client import OpenAIBatch
from tests.support.batch_server import Batches


def config(server: Batches, **options: Any) -> OpenAIModel:
    settings = {"kind": "openai", "model": "m", "base_url": server.base_url, "mode": "batch", "attempts": 3, "timeout": 5.0}
    return OpenAIModel.model_validate(settings | options)


def opened(server: Batches, folder: Path, **options: Any) -> OpenAIBatch:
    return OpenAIBatch(config(server, **options), folder=folder, quiet=0.03, poll=(0.01, 0.05), pause=0.01)


def ask(text: str, n: int = 1) -> ChatRequest:
    return ChatRequest([{"role": "user", "content": text}], seeds=tuple(range(n)))


def complete(server: Batches, folder: Path, *asks: ChatRequest, **options: Any) -> list[list[Completion] | BaseException]:
    """What each ask comes to, all asked at once of a model opened for it."""

    async def run() -> list[list[Completion] | BaseException]:
        async with opened(server, folder, **options) as model:
            return await asyncio.gather(*map(model.complete, asks), return_exceptions=True)

    return asyncio.run(run())
