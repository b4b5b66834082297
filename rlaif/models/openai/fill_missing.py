"""What a server withholds of the completions asked for is asked again, and what was had is never lost."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from rlaif.core.errors import ModelError
from rlaif.core.signals import UnsentError
from rlaif.models.base import ChatRequest, Completion

# Completions by place in the seeds asked for, some of which may be missing.
Request = Callable[[ChatRequest, tuple[int, ...]], Awaitable[dict[int, Completion]]]


async def top_up(ask: ChatRequest, found: dict[int, Completion], request: Request) -> list[Completion]:
    """All completions of the ask, in order: those `found`, and the others, each by a request of its own.

    Raises ModelError or UnsentError, with all that was found, if one of them cannot be had.
    """
    missing = [index for index in range(ask.n) if index not in found]
    if not missing:
        return [found[index] for index in range(ask.n)]
    ask = replace(ask, follows=ask.follows or bool(found))
    singles = (request(ask, (ask.seeds[index],)) for index in missing)
    answers = await asyncio.gather(*singles, return_exceptions=True)
    found |= {index: answer[0] for index, answer in zip(missing, answers, strict=True) if isinstance(answer, dict)}
    for answer in answers:
        if isinstance(answer, BaseException):
            if isinstance(answer, ModelError | UnsentError):
                answer.found = found
            raise answer
    return [found[index] for index in range(ask.n)]
