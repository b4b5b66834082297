"""What a person sees while a stage works: a live bar on a terminal, a heartbeat line elsewhere. Always on stderr."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

# Logs of batch systems: often enough to see that it lives, seldom enough to read.
HEARTBEAT_SECONDS = 10.0
# A bar that seems to move by itself.
REDRAW_SECONDS = 0.2


@dataclass
class Tally:
    """The running counts of one stage's work."""

    stage: str
    owed: int | None = None
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(
        self, *, done: int = 0, calls: int = 0,
        prompt_tokens: int | None = 0, output_tokens: int | None = 0,
    ) -> None:  # fmt: skip
        """Counts finished units, and what they cost."""
        self.done += done
        self.calls += calls
        self.prompt_tokens += prompt_tokens or 0
        self.output_tokens += output_tokens or 0

    def finish(self, unit: Mapping[str, Any]) -> None:
        """Counts one finished unit by its row: done or failed, and what it cost."""
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
        """One line for a log: counts, rate, time left."""
        finished = self.done + self.failed
        parts = [f"{self.stage}: {finished:,}" + (f" of {self.owed:,}" if self.owed is not None else "")]
        if self.failed:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.failures.most_common())
            parts.append(f"{self.failed:,} failed ({kinds})")
        rate = finished / self.seconds if self.seconds > 0.05 else 0.0
        if rate:
            parts.append(f"{rate:,.1f}/s")
        if self.output_tokens and self.seconds > 0.05:
            parts.append(f"{self.output_tokens / self.seconds:,.0f} tokens/s")
        if rate and self.owed and finished < self.owed:
            parts.append(f"{(self.owed - finished) / rate:,.0f} s left")
        return ", ".join(parts)


class Progress(Protocol):
    """Something that shows a tally while it grows."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        """Shows the tally until the block ends."""
        yield

    def note(self, text: str) -> None:
        """One line for the person who watches."""


class Quiet:
    """Shows nothing: for tests and `--quiet`."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        yield

    def note(self, text: str) -> None:
        pass


class Heartbeat:
    """A line at the start, every ten seconds, and at the end: for logs."""

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        try:
            with _repeated(lambda: self.note(tally.line()), HEARTBEAT_SECONDS):
                yield
        finally:
            self.note(f"{tally.line()} in {tally.seconds:.1f} s")

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Bars:
    """Live bars with rates and time left, one a stage: for terminals."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[line]}"), TimeRemainingColumn())
        self._console = Console(stderr=True, highlight=False)
        self._rich = Rich(*columns, console=self._console, transient=True)
        self._shown = 0

    @contextmanager
    def show(self, tally: Tally) -> Iterator[None]:
        task = self._rich.add_task(tally.stage, total=tally.owed, line="")

        def draw() -> None:
            self._rich.update(task, completed=tally.done + tally.failed, total=tally.owed, line=tally.line())

        self._shown += 1
        self._rich.start()
        try:
            with _repeated(draw, REDRAW_SECONDS):
                yield
        finally:
            self._rich.remove_task(task)
            self._shown -= 1
            if not self._shown:
                self._rich.stop()
            self.note(f"{tally.line()} in {tally.seconds:.1f} s")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False)


@contextmanager
def _repeated(do: Callable[[], None], seconds: float) -> Iterator[None]:
    """Within it, a thread does it every so many seconds."""
    import threading

    over = threading.Event()

    def beat() -> None:
        while not over.wait(seconds):
            do()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def progress(*, quiet: bool = False) -> Progress:
    """The display that fits where stderr goes."""
    if quiet:
        return Quiet()
    return Bars() if sys.stderr.isatty() else Heartbeat()
