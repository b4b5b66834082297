"""What rlaif writes to a terminal, a pipe or a log: no text from a model, a server or a file can drive the terminal.

`install` puts a `SafeStream` in the place of stdout and stderr, so that everything which the process prints passes through
it: messages, usage errors, warnings, logs of libraries and tracebacks.
"""

import codecs
import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, cast

from rlaif.core.text import visible, without_controls

ERRORS: Final = "rlaif_visible"
# What a shell reports for a program that wrote to a closed pipe: 128 + SIGPIPE.
CLOSED_PIPE: Final = 141
# The output that the user named cannot be written, as on a full disk.
UNWRITABLE: Final = 2
# Typographic characters of our own messages, for terminals that have only ASCII or a code page.
_PLAIN: Final = {
    "⟨": "<", "⟩": ">", "–": "-", "—": "-", "−": "-", "…": "...", "±": "+/-", "×": "x", "≥": ">=", "≤": "<=", "→": "->",
    "\u00a0": " ", "“": '"', "”": '"', "‘": "'", "’": "'",
}  # fmt: skip


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Encode what the terminal's encoding lacks: a plain spelling of typographic characters, else an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    spelt = (_PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode("ascii") for each in lacking)
    return "".join(spelt), error.end


class SafeStream:
    """A text stream in the place of stdout or stderr: hiding and control characters are made visible in all that is written.

    It has no `buffer`, so that no library can write past it. A reader that has gone away (`| head`) ends the process without
    a word where results are written; where only progress is written, the work goes on.
    """

    def __init__(self, stream: TextIO, *, results: bool) -> None:
        self._stream, self._results = stream, results
        self._lines: Callable[[str], None] | None = None
        self._begun = ""

    @property
    def encoding(self) -> str:
        return self._stream.encoding

    @property
    def errors(self) -> str | None:
        return self._stream.errors

    @property
    def newlines(self) -> Any:
        return self._stream.newlines

    @property
    def line_buffering(self) -> bool:
        return bool(self._stream.line_buffering)

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, text: str) -> int:
        """Write text with hiding and control characters made visible."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._lines is None:
            self.write_trusted(visible(text))
        else:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                self._lines(line)
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write each of the lines."""
        for line in lines:
            self.write(line)

    def write_data(self, text: str) -> None:
        """Write CSV: as `write` does on a terminal; into a pipe or a file exactly, but for control characters."""
        if self.isatty():
            self.write(text)
        else:
            self.write_trusted("\r\n".join(map(without_controls, text.split("\r\n"))))

    def write_trusted(self, text: str) -> None:
        """Write text as it is: for a console that has made untrusted text visible and adds codes to style it."""
        self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Hand everything written so far to the system."""
        self._try(self._stream.flush)

    @contextmanager
    def lines_to(self, show: Callable[[str], None]) -> Iterator[None]:
        """Within it, hand whole lines to `show`, which prints them above a progress bar."""
        self._lines = show
        try:
            yield
        finally:
            self._lines, rest, self._begun = None, self._begun, ""
            if rest:
                self.write(rest)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            self._discard()
            # A terminal that was closed (EIO) ends a run by its signal.
            if not self._results or error.errno == errno.EIO:
                return
            if isinstance(error, BrokenPipeError):
                raise SystemExit(CLOSED_PIPE) from None
            print(f"rlaif: the output cannot be written: {error.strerror}", file=sys.stderr)
            raise SystemExit(UNWRITABLE) from None

    def _discard(self) -> None:
        """Send what is still to be written nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


class TrustedStream:
    """A stream for a rich console: what it writes is made visible already, and has codes that style it."""

    def __init__(self, stream: SafeStream) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        self._stream.write_trusted(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def install() -> None:
    """Make everything that this process prints safe to look at, whatever the encoding of its output."""
    _open_closed_streams()
    # Bars of other libraries redraw themselves by control characters.
    os.environ.setdefault("TQDM_DISABLE", "1")
    sys.stdout = cast(TextIO, safe(sys.stdout, results=True))
    sys.stderr = cast(TextIO, safe(sys.stderr, results=False))


def _open_closed_streams() -> None:
    """Open the null device where a stream is closed (`>&-`): else the store's file would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python has no stream where it found none.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def safe(stream: TextIO, *, results: bool) -> SafeStream:
    """Return a stream that writes to this one, and never fails for a character that its encoding lacks."""
    codecs.register_error(ERRORS, _replace)
    try:
        stream.reconfigure(errors=ERRORS)  # type: ignore[attr-defined]
    except OSError:  # what stood behind the stream is no longer the same kind of file
        stream = open(stream.fileno(), "w", 1, stream.encoding, ERRORS, closefd=False)  # noqa: SIM115
    return SafeStream(stream, results=results)


def write_data(text: str) -> None:
    """Print CSV or another machine format that has no escapes of its own."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout.write_data(text)
    else:
        print(without_controls(text), end="")
