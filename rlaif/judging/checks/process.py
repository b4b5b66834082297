"""Runs checks in processes that can be killed: users' functions and patterns, JSON Schema, tokenizers.

Only killing a process stops a regular expression or a function that never returns. Each process serves one call at a time,
so a call that takes too long affects no other call.
"""

import asyncio
import atexit
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

from rlaif.core import plugins
from rlaif.core.errors import InputError, ModelError
from rlaif.core.signals import STOP, UnsentError
from rlaif.core.types import Prompt

# Maximum number of processes. Each needs memory for itself and for what it loads.
PROCESSES: Final = min(4, os.cpu_count() or 1)
# Seconds for the first call's import of a user's module or loading of a tokenizer.
LOADING: Final = 300.0
# Seconds beyond the limit of its call after which a process whose parent was killed exits.
ORPHANED: Final = 5.0
# Characters of an exception's message to keep.
DETAIL: Final = 2000
# Idle processes to keep.
IDLE: Final = 2 * PROCESSES
START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from rlaif.judging.checks.process import serve; serve()"
)

Json = dict[str, Any]


class CheckError(Exception):
    """The check returned no value: it raised an exception, took too long, or ended its process."""


async def call(
    function: str, options: Mapping[str, Any], prompt: Prompt, response: str, limit: float, arguments: Mapping[str, Any]
) -> float:
    """Run the check on this response in another process, within `limit` seconds, and return its value.

    `options` are the same for all prompts, so that a process serves many calls; `arguments` are this prompt's.
    Raises CheckError; a ModelError or InputError that the check itself raises; and UnsentError if rlaif is asked to stop
    before the check has returned.
    """
    # A process keeps imported modules, so an edited module or another search path needs a new process.
    module, _, _ = function.rpartition(":")
    what: Json = {"function": function, "options": dict(options), "code": plugins.digest(module) if module else None}
    given = {
        "messages": prompt.messages,
        "document": prompt.document,
        "reference": prompt.reference,
        "metadata": dict(prompt.metadata),
        "checklist": prompt.checklist,
        "response": response,
        "arguments": dict(arguments),
    }
    running = _Call(json.dumps(what, sort_keys=True, default=str), json.dumps(given, default=str), limit)
    with STOP.on_stop(running.cancel):
        try:
            reply = await asyncio.get_running_loop().run_in_executor(_threads(), running.run)
        except asyncio.CancelledError:
            running.cancel()
            raise
    if reply is None:
        raise UnsentError
    return _value(reply)


def _value(reply: Json) -> float:
    if reply.get("input"):
        raise InputError(reply["input"], where=reply["where"], fix=reply["fix"])
    if reply.get("kind"):
        raise ModelError(reply["kind"], reply["error"], raw=reply["raw"])
    if "error" in reply:
        raise CheckError(reply["error"])
    return float(reply["value"])


class _Call:
    """One call in progress."""

    def __init__(self, function: str, given: str, limit: float) -> None:
        self._function, self._given, self._limit = function, given, limit
        self._lock = Lock()
        self._cancelled = False
        self._process: _Process | None = None

    def cancel(self) -> None:
        """Cancel the call: kill its process, or prevent its start."""
        with self._lock:
            self._cancelled = True
            if self._process:
                self._process.kill()

    def run(self) -> Json | None:
        """Return the reply; None if the call was cancelled."""
        with self._lock:
            if self._cancelled:
                return None
            process = self._process = _POOL.take(self._function)
        # A killed process stays alive for a moment, so the error decides whether it can be reused.
        usable = True
        try:
            reply = process.load() or process.exchange({"given": self._given}, self._limit)
        except CheckError as error:
            reply, usable = {"error": str(error)}, False
        with self._lock:
            self._process = None
            if usable and not self._cancelled:
                _POOL.give(process)
            else:
                process.close()
            return None if self._cancelled else reply


class _Process:
    """A child process that runs checks: one line of JSON in, one line out."""

    def __init__(self, function: str, path: str) -> None:
        self.serves = function, path
        # A separate session, so that Ctrl-C reaches only the parent, which decides what happens to its calls.
        self._child = subprocess.Popen(
            [sys.executable, "-c", START, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        if self._child.stdin is None or self._child.stdout is None:
            raise CheckError("its process has no pipes")
        self._in, self._out = self._child.stdin, self._child.stdout
        self._loaded = False

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def load(self) -> Json | None:
        """Load the process's function. Returns None on success, or a reply with the error."""
        if self._loaded:
            return None
        reply = self.exchange({"load": self.serves[0]}, LOADING)
        self._loaded = not reply
        return reply or None

    def exchange(self, request: Mapping[str, str], limit: float) -> Json:
        """Send a request and return the reply. If this raises CheckError, the process has ended."""
        try:
            self._write(json.dumps({**request, "limit": limit}).encode() + b"\n")
            line = self._read(limit)
        except OSError as error:
            self.kill()
            raise CheckError(f"its process ended: {error}") from None
        if line is None:
            self.kill()
            raise CheckError(f"took longer than {limit:g} s")
        if not line.endswith(b"\n"):
            raise CheckError(f"its process ended with exit code {self._child.wait()}")
        reply: Json = json.loads(line)
        return reply

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._in.write(view) or 0 :]

    def _read(self, limit: float) -> bytes | None:
        # A reply is written in one go, so once its first byte arrives, the rest follows.
        if not select.select([self._out], [], [], limit)[0]:
            return None
        return self._out.readline()

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        self._in.close()
        self._out.close()


class _Pool:
    """Idle processes. They end with the parent, because their standard input closes."""

    def __init__(self) -> None:
        self._idle: list[_Process] = []
        self._lock = Lock()

    def take(self, function: str) -> _Process:
        """Return an idle process that serves this function, or a new one."""
        wanted = function, json.dumps([*filter(None, sys.path), str(Path.cwd())])
        with self._lock:
            found = next((process for process in reversed(self._idle) if process.serves == wanted), None)
            if found:
                self._idle.remove(found)
        if found and not found.alive:
            found.close()
            return self.take(function)
        return found or _Process(*wanted)

    def give(self, process: _Process) -> None:
        with self._lock:
            self._idle.append(process)
            surplus = self._idle.pop(0) if len(self._idle) > IDLE else None
        if surplus:
            surplus.close()

    def close(self) -> None:
        """End the idle processes."""
        while self._idle:
            self._idle.pop().close()


_POOL: Final = _Pool()
atexit.register(_POOL.close)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(PROCESSES, "rlaif-check")


def serve() -> None:
    """Answer the requests on standard input until it closes. A check's prints go to standard error."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    function: Callable[..., Any] | None = None
    for line in requests:
        request = json.loads(line)
        _end_after(request["limit"] + ORPHANED)
        if "load" in request:
            function, reply = _load(json.loads(request["load"]))
        else:
            assert function
            reply = _run(function, json.loads(request["given"]))
        _end_after(0)
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()


def _end_after(seconds: float) -> None:
    """Let the kernel end this process after so many seconds, in case its parent was killed; 0 cancels this."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _load(what: Json) -> tuple[Callable[..., Any] | None, Json]:
    from rlaif.judging.criteria import check

    try:
        # The parent only sends functions that the user allowed.
        return check.ready(what["function"], what["options"]), {}
    except BaseException as error:
        return None, _failure(error)


def _run(function: Callable[..., Any], given: Json) -> Json:
    response, arguments = given.pop("response"), given.pop("arguments")
    try:
        prompt = Prompt(**{**given, "messages": tuple(given["messages"]), "checklist": tuple(given["checklist"])})
        return {"value": float(function(prompt, response, **arguments))}
    except BaseException as error:
        return _failure(error)


def _failure(error: BaseException) -> Json:
    if isinstance(error, InputError):
        return {"input": error.what, "where": error.where, "fix": error.fix}
    if isinstance(error, ModelError):
        return {"error": str(error), "kind": error.kind, "raw": error.raw}
    try:
        return {"error": f"{type(error).__name__}: {error}"[:DETAIL]}
    except Exception:
        return {"error": type(error).__name__}
