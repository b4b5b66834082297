"""Progress of a stage, on stderr: a live bar on a terminal, a line every ten seconds in a log."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

from rlaif.core.safe_output import SafeStream
from rlaif.core.text import visible

# In the log of a batch system: often enough to see that the run is alive, rarely enough to read.
HEARTBEAT_SECONDS = 10.0
# Often enough for a bar to move smoothly.
REDRAW_SECONDS = 0.2


@dataclass
class Tally:
    """The running counts of one stage. The total is the number of pending units, where it is known."""

    stage: str
    pending: int | None = None
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    started: float = field(default_factory=time.monotonic)

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
        """Return one line for a log: counts, failures by kind, rate, time left."""
        finished = self.done + self.failed
        parts = [f"{self.stage}: {finished:,}" + (f" of {self.pending:,}" if self.pending is not None else "")]
        if self.failed:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.failures.most_common())
            parts.append(f"{self.failed:,} failed ({kinds})")
        rate = finished / self.seconds if self.seconds > 0.05 else 0.0
        if rate:
            parts.append(f"{rate:,.1f}/s")
        if self.output_tokens and self.seconds > 0.05:
            parts.append(f"{self.output_tokens / self.seconds:,.0f} tokens/s")
        if rate and self.pending and finished < self.pending:
            parts.append(f"{(self.pending - finished) / rate:,.0f} s left")
        return ", ".join(parts)


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
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        from rlaif.core.console import SafeConsole

        stage = TextColumn("{task.description}", markup=False)
        line = TextColumn("{task.fields[line]}", markup=False)
        self._console = SafeConsole(stderr=True)
        # `lines_to` shows other output above the bars; rich itself would interpret control codes in it.
        self._rich = RichProgress(
            stage,
            BarColumn(),
            line,
            TimeRemainingColumn(),
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
            self._rich.update(task, completed=tally.done + tally.failed, total=tally.pending, line=tally.line())

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
