"""Progress of a stage, on stderr: a live bar on a terminal, a line every ten seconds in a log."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final, Protocol

from rlaif.core.safe_output import SafeStream
from rlaif.core.text import FILTERS, visible

# In the log of a batch system: often enough to see that the run is alive, rarely enough to read.
HEARTBEAT_SECONDS = 10.0
# Often enough for a bar to move smoothly.
REDRAW_SECONDS = 0.2
# Rates below this, in units per second, are shown as seconds per unit.
SLOW: Final = 0.5


@dataclass
class Tally:
    """The running counts of one stage. The total is the number of pending units, where it is known.

    `retries` counts repeated requests by the kind of failure before them; `latest` holds values to show, such as the loss.
    Rates refer to the time since `begun`, which is later than `started` if the stage needs preparation.
    """

    stage: str
    pending: int | None = None
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    latest: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    begun: float | None = None

    def add(self, *, done: int = 0, calls: int = 0, prompt_tokens: int | None = 0, output_tokens: int | None = 0) -> None:
        """Count finished units, and the calls and tokens that they took."""
        self.done += done
        self.calls += calls
        self.prompt_tokens += prompt_tokens or 0
        self.output_tokens += output_tokens or 0

    def finish(self, unit: Mapping[str, Any]) -> None:
        """Count one finished unit by its row: done or failed, and its tokens."""
        failure = unit.get("failure")
        if failure:
            self.failures[failure] += 1
        self.add(done=not failure, prompt_tokens=unit.get("prompt_tokens"), output_tokens=unit.get("output_tokens"))

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def line(self) -> str:
        """Return one line for a log: the stage and `counts`."""
        return f"{self.stage}: {self.counts()}"

    def counts(self) -> str:
        """Return the counts, failures and retries by kind, latest values, rate and time left."""
        finished, seconds = self.done + self.failed, time.monotonic() - (self.begun or self.started)
        parts = [f"{finished:,}" + (f" of {self.pending:,}" if self.pending is not None else "")]
        parts += [_by_kind(self.failures, "failed")] if self.failed else []
        parts += [_by_kind(self.retries, "retried")] if self.retries else []
        parts += [f"{name} {value:.4g}" for name, value in self.latest.items()]
        rate = finished / seconds if seconds > 0.05 else 0.0
        if rate:
            parts.append(f"{rate:,.1f}/s" if rate >= SLOW else f"{1 / rate:,.1f} s each")
        if self.output_tokens and seconds > 0.05:
            parts.append(f"{self.output_tokens / seconds:,.0f} tokens/s")
        if rate and self.pending and finished < self.pending:
            parts.append(f"{duration((self.pending - finished) / rate)} left")
        return ", ".join(parts)


def _by_kind(counts: Counter[str], what: str) -> str:
    return f"{counts.total():,} {what} ({kinds(counts)})"


def kinds(counts: Mapping[str, int]) -> str:
    """Return counts as text, the largest first, such as "8 rate_limited, 4 timeout"."""
    return ", ".join(f"{count:,} {kind}" for kind, count in Counter(counts).most_common())


def duration(seconds: float) -> str:
    """Return a rounded time as text, such as "11 s" or "1 h 05 min"."""
    return f"{seconds:.0f} s" if seconds < 59.5 else FILTERS["seconds"](seconds)


# The tally of the stage that the current task belongs to.
_CURRENT: Final[ContextVar[Tally | None]] = ContextVar("tally", default=None)


@contextmanager
def counting(tally: Tally) -> Iterator[None]:
    """Let `count_retry` count in this tally, in this task and in those that it starts, until the block ends."""
    before = _CURRENT.get()
    _CURRENT.set(tally)
    try:
        yield
    finally:
        _CURRENT.set(before)


def count_retry(kind: str) -> None:
    """Count a request that is sent again after a failure of this kind, in the stage that it belongs to."""
    if tally := _CURRENT.get():
        tally.retries[kind] += 1


class Progress(Protocol):
    """A display of tallies while they grow."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        """Show the tally until the block ends."""
        yield

    def note(self, text: str) -> None:
        """Print one line."""


class Quiet:
    """No display: for tests and `--quiet`."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        yield

    def note(self, text: str) -> None:
        pass


class Heartbeat:
    """A line every ten seconds, and one at the end: for logs."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        try:
            with _repeated(lambda: self.note(tally.line()), HEARTBEAT_SECONDS):
                yield
        finally:
            self.note(f"{tally.line()} in {tally.seconds:.1f} s")

    def note(self, text: str) -> None:
        print(visible(text), file=sys.stderr, flush=True)


class Bars:
    """Live bars with rates and time left, one for each stage: for terminals."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        from rlaif.core.console import SafeConsole

        stage = TextColumn("{task.description}", markup=False)
        line = TextColumn("{task.fields[line]}", markup=False, table_column=Column(overflow="fold"))
        self._console = SafeConsole(stderr=True)
        # `lines_to` shows other output above the bars; rich itself would interpret control codes in it.
        self._rich = RichProgress(
            stage,
            BarColumn(20),
            line,
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._others = ExitStack()
        self._shown = 0

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        task = self._rich.add_task(tally.stage, total=tally.pending, line="")

        def draw() -> None:
            self._rich.update(task, completed=tally.done + tally.failed, total=tally.pending, line=tally.counts())

        self._shown += 1
        if self._shown == 1:
            self._show_others_above()
        self._rich.start()
        try:
            with _repeated(draw, REDRAW_SECONDS):
                yield
        finally:
            self._rich.remove_task(task)
            self._shown -= 1
            if not self._shown:
                self._rich.stop()
                self._others.close()
            self.note(f"{tally.line()} in {tally.seconds:.1f} s")

    def _show_others_above(self) -> None:
        """Print other output of the program and its libraries above the bars while bars are shown."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, SafeStream) and stream.isatty():
                self._others.enter_context(stream.lines_to(self.note))

    def note(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


@contextmanager
def _repeated(do: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call `do` in a thread every so many seconds until the block ends."""
    import threading

    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(seconds):
            do()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def progress(*, quiet: bool = False) -> Progress:
    """Return the display that fits stderr: bars on a terminal and in a notebook with ipywidgets, lines elsewhere."""
    if quiet:
        return Quiet()
    return Bars() if sys.stderr.isatty() or _in_notebook() else Heartbeat()


def _in_notebook() -> bool:
    """Return whether this is a Jupyter notebook in which rich can draw bars, which needs ipywidgets."""
    return "ipykernel" in sys.modules and find_spec("ipywidgets") is not None
