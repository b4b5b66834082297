"""Request missing completions again, one by one, and keep those that the server has already returned."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from rlaif.core.errors import ModelError
from rlaif.core.signals import UnsentError
from rlaif.models.base import ChatRequest, Completion

# Returns completions by index in the requested seeds; some may be missing.
Request = Callable[[ChatRequest, tuple[int, ...]], Awaitable[dict[int, Completion]]]


async def top_up(request: ChatRequest, found: dict[int, Completion], send: Request) -> list[Completion]:
    """Return all completions of the request, in order: those `found`, and the others, each from a separate request.

    Raises ModelError or UnsentError, with the completions found so far, if one of them cannot be obtained.
    """
    missing = [index for index in range(request.n) if index not in found]
    if not missing:
        return [found[index] for index in range(request.n)]
    request = replace(request, follows=request.follows or bool(found))
    singles = (send(request, (request.seeds[index],)) for index in missing)
    answers = await asyncio.gather(*singles, return_exceptions=True)
    found |= {index: answer[0] for index, answer in zip(missing, answers, strict=True) if isinstance(answer, dict)}
    for answer in answers:
        if isinstance(answer, BaseException):
            if isinstance(answer, ModelError | UnsentError):
                answer.found = found
            raise answer
    return [found[index] for index in range(request.n)]
