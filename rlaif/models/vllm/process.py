"""Run one vLLM server: start it in a separate process group, wait until it is healthy, and end it with all children."""

import asyncio
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rlaif.config import VllmModel
from rlaif.models.vllm.args import arguments
from rlaif.models.vllm.diagnosis import cause
from rlaif.models.vllm.orphans import write_down
from rlaif.models.vllm.watchdog import GRACE

WATCH: Final = Path(__file__).with_name("watchdog.py")
# Seconds between checks of a server, which is short compared with the minutes that a start takes.
LOOK: Final = 0.1
# Seconds between health checks of a starting server, and within which a healthy one answers.
ANSWER: Final = 5.0
# How much of the end of a log is searched for the reason why a server ended.
TAIL_BYTES: Final = 64 * 2**10


class EndedError(Exception):
    """The server ended or never became ready: `what` happened, and how to `fix` it."""

    def __init__(self, what: str, fix: str = "") -> None:
        self.what, self.fix = what, fix
        super().__init__(what)


class Server:
    """A child process on a free port of this machine, protected by a random key that is passed only in its environment."""

    def __init__(self, config: VllmModel, place: Path | str, module: str, folder: Path) -> None:
        self.key = secrets.token_urlsafe(32)
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        name = re.sub(r"[^\w.-]+", "-", config.path)[-60:].strip("-")
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}-{time.strftime('%Y%m%dT%H%M%S')}-{port}.log"
        self._note = self.log.with_suffix(".json")
        # -P: a local folder with the name of a package must not be imported instead of it.
        server = [sys.executable, "-P", "-m", module, *arguments(config, place, port)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(WATCH), *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(),
            )
        write_down(self._note, self._process.pid)

    def _environment(self) -> dict[str, str]:
        quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        return {**os.environ, **quiet, "VLLM_API_KEY": self.key}

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    async def ready(self, seconds: float) -> None:
        """Wait until the server is healthy. Raises EndedError if it ends before that or is not ready within `seconds`."""
        late = time.monotonic() + seconds
        while not await self._healthy():
            if self.ended:
                raise EndedError(*self.cause())
            if time.monotonic() > late:
                raise EndedError(
                    f"it was not ready within {seconds:,.0f} s", "Give it more time with `start_timeout`, or see the log."
                )
            await asyncio.sleep(LOOK)
        # By now the server has started all its processes.
        write_down(self._note, self._process.pid)

    async def _healthy(self) -> bool:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER)) as session,
                session.get(f"{self.address}/health") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def cause(self) -> tuple[str, str]:
        """Return why the server ended, according to its log, and how to fix it."""
        with self.log.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - TAIL_BYTES))
            return cause(stream.read().decode("utf-8", "replace"))

    async def stop(self) -> None:
        """End the server and all its children, eventually by force. It is safe to call this again."""
        if not self._note.exists():
            return
        if self._process.stdin:
            self._process.stdin.close()  # this tells the watchdog to end the server
        late = time.monotonic() + GRACE + ANSWER
        while not self.ended and time.monotonic() < late:
            await asyncio.sleep(LOOK)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._note.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
