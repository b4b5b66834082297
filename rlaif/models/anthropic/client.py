"""Use a Claude model: the requests are Anthropic's; retries, limits, pauses and health are those of any served model."""

import asyncio
from functools import partial
from typing import Any

from rlaif.config import AnthropicModel, OpenAIModel
from rlaif.models.anthropic.connections import PackageConnections
from rlaif.models.anthropic.prefixes import Prefixes
from rlaif.models.anthropic.reply import read_message
from rlaif.models.anthropic.request import body, is_shared
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.openai.capabilities import Dialect
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.credentials import RequestHead, header
from rlaif.models.openai.endpoint import Endpoint


class Anthropic(OpenAI):
    """A Claude model. Each sample is a separate request, because the API returns one completion per request."""

    def __init__(self, config: AnthropicModel, *, where: str = "", pause: float = 0.5) -> None:
        super().__init__(as_served(config), where=where, pause=pause)
        self._messages = config
        self._plain = self._dialect = Dialect("max_tokens", several=False, seed=False, temperature=False)
        self._prefixes = Prefixes()

    async def request(self, request: ChatRequest, seeds: tuple[int, ...]) -> dict[int, Completion]:
        """Return the completion of one seed; requests with the same long document wait until one has written it."""
        if not is_shared(self._messages, request):
            return await super().request(request, seeds)
        async with self._prefixes.turn(request.about):
            return await super().request(request, seeds)

    def _body(self, request: ChatRequest, seeds: tuple[int, ...], dialect: Dialect) -> dict[str, Any]:
        return body(self._messages, request)

    def _read(self, data: bytes, n: int) -> dict[int, Completion]:
        return {0: read_message(data)}

    async def _heads(self) -> list[RequestHead]:
        headers = {name: header(self.config, name, where=self._where) for name in self.config.headers}
        # In a thread, because loading the package takes seconds.
        connect = partial(PackageConnections.to, self.config, self._secret, headers, where=self._where)
        self._connections = await asyncio.to_thread(connect)
        return [self._connections.head(self.config)]

    def _endpoint(self, head: RequestHead, number: int) -> Endpoint:
        return Endpoint(
            head,
            most=self.config.concurrency,
            pause=2 * self._pause,
            number=number,
            remark=self.remark,
            connections=self._connections,
        )


def as_served(config: AnthropicModel) -> OpenAIModel:
    """Return the settings that all served models have."""
    shared = config.model_dump(include=set(OpenAIModel.model_fields) - {"kind", "extra", "mode"})
    return OpenAIModel(kind="openai", **shared)
