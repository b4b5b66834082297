"""Serve open weights with vLLM's server as a child of this process, and use it like any OpenAI-compatible server.

A server that exits, or completes nothing for as long as one attempt may take, is restarted a bounded number of times;
requests that were in flight are sent once more. However this process ends, the server ends too.
"""

import asyncio
import importlib.util
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rlaif.config import OpenAIModel, VllmModel
from rlaif.core.errors import InputError, ModelError
from rlaif.models.base import ChatRequest, Completion
from rlaif.models.local.checkpoint import locate
from rlaif.models.openai.client import OpenAI
from rlaif.models.openai.reward_model import OpenAIReward
from rlaif.models.vllm.args import MODULE
from rlaif.models.vllm.orphans import clean, folder
from rlaif.models.vllm.process import LOOK, EndedError, Server

# The failures that a client sees when its server exits. After these seconds, it is clear whether the server did.
GONE: Final = frozenset({"connection", "unreachable", "server", "timeout"})
PATIENCE: Final = 1.0


class Life:
    """One life of a server, and the requests to it."""

    def __init__(self, server: Server, client: OpenAI, *, stall: float) -> None:
        self.server, self._client, self._stall = server, client, stall
        self._asks: set[asyncio.Task[list[Completion]]] = set()
        self._over = asyncio.Event()
        self._progress = 0.0

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return completions. Raises EndedError if the server ended meanwhile."""
        if not self._asks:
            self._progress = _now()
        task = asyncio.ensure_future(self._client.complete(request))
        self._asks.add(task)
        try:
            found = await task
        except asyncio.CancelledError:
            if self._over.is_set() and task.cancelled():
                raise EndedError("it ended") from None
            raise
        except ModelError as error:
            if error.kind in GONE and await self._goes():
                raise EndedError("it ended") from None
            raise
        finally:
            self._asks.discard(task)
        self._progress = _now()
        return found

    async def _goes(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._over.wait()
        except TimeoutError:
            return False

    async def end(self) -> str:
        """Wait until the server ends, or end it if it hangs, and return the reason."""
        while True:
            if self.server.ended:
                return self.server.cause()[0]
            if self._asks and _now() - self._progress > self._stall:
                return f"it was healthy and completed nothing for {self._stall:g} s"
            await asyncio.sleep(LOOK)

    async def close(self) -> None:
        """Cancel all open requests and stop the server."""
        self._over.set()
        for task in self._asks:
            task.cancel()
        await self._client.__aexit__(None, None, None)
        await self.server.stop()


class Vllm:
    """A model on a dedicated vLLM server. `module` is the server's Python module, `place` the folder of logs and records."""

    _client: type[OpenAI] = OpenAI

    def __init__(
        self, config: VllmModel, *, where: str = "", module: str = MODULE, place: Path | None = None, pause: float = 0.5
    ) -> None:
        self._checkpoint = locate(config.path, where=where)
        self._config, self._where, self._module, self._pause = config, where, module, pause
        self._folder = place or folder()
        self.concurrency = config.concurrency

    @property
    def address(self) -> str:
        """Return the address of the running server."""
        return self._life.result().server.address

    async def complete(self, request: ChatRequest) -> list[Completion]:
        """Return one completion per seed. Raises ModelError "unreachable" once the server is not restarted any more."""
        for _ in range(2):
            life = await asyncio.shield(self._life)
            try:
                return await life.complete(request)
            except EndedError:
                continue
        raise ModelError("server", f"{self._config.path}: vLLM ended twice while it worked at this")

    async def __aenter__(self) -> Self:
        if importlib.util.find_spec(self._module.partition(".")[0]) is None:
            raise self._mistake("vLLM is not installed", "Run `pip install 'rlaif[vllm]'`.")
        await asyncio.to_thread(clean, self._folder)
        try:
            life = await self._begin()
        except EndedError as error:
            raise self._mistake(error.what, error.fix) from None
        self._life = _future()
        self._life.set_result(life)
        self._keeper = asyncio.create_task(self._keep(life))
        return self

    def _mistake(self, what: str, fix: str) -> InputError:
        return InputError(f"{self._config.path} cannot be served: {what}", where=self._where, fix=fix)

    async def _begin(self) -> Life:
        """Start a server and return it once it is ready. Raises EndedError."""
        config = self._config
        server = Server(config, self._checkpoint, self._module, self._folder)
        try:
            await server.ready(config.start_timeout)
        except EndedError as error:
            await server.stop()
            raise EndedError(error.what, f"{error.fix}\nIts log: {server.log}") from None
        except BaseException:
            await server.stop()
            raise
        served = OpenAIModel(
            kind="openai",
            model=config.path,
            base_url=f"{server.address}/v1",
            concurrency=config.concurrency,
            timeout=config.timeout,
            attempts=config.attempts,
            extra=config.extra,
        )
        client = await self._client(served, where=self._where, pause=self._pause, key=server.key).__aenter__()
        return Life(server, client, stall=config.timeout)

    async def _keep(self, life: Life) -> None:
        """Restart the server whenever it ends, up to the limit; end it when this task ends."""
        try:
            for left in range(self._config.restarts, -1, -1):
                why = f"{await life.end()}\nIts log: {life.server.log}"
                self._life = _future()
                await life.close()
                if left:
                    life = await self._begin()
                    self._life.set_result(life)
            self._give_up(why)
        except EndedError as error:
            self._give_up(f"{error.what}\n{error.fix}")
        finally:
            await life.close()

    def _give_up(self, why: str) -> None:
        self._life.set_exception(ModelError("unreachable", f"{self._config.path}: vLLM ended and is not back: {why}"))
        self._life.exception()  # mark as retrieved, whether or not another request comes

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)


class VllmReward(Vllm):
    """A reward model on a dedicated vLLM server, which recognizes sequence classifiers by their architecture."""

    _client = OpenAIReward


def _future() -> "asyncio.Future[Life]":
    return asyncio.get_running_loop().create_future()


def _now() -> float:
    return asyncio.get_running_loop().time()
