"""Make all output safe: no text from a model, a server or a file can send control codes to the terminal.

`install` replaces stdout and stderr by a `SafeStream`, so that everything that the process prints passes through it:
messages, usage errors, warnings, logs of libraries and tracebacks.
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
# The exit code that shells report for a program that wrote to a closed pipe: 128 + SIGPIPE.
CLOSED_PIPE: Final = 141
# The exit code if the output cannot be written, for example because the disk is full.
UNWRITABLE: Final = 2
# Typographic characters of our own messages, for terminals that have only ASCII or a code page.
_PLAIN: Final = {
    "⟨": "<",
    "⟩": ">",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "±": "+/-",
    "×": "x",
    "≥": ">=",
    "≤": "<=",
    "→": "->",
    "\u00a0": " ",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Replace a character that the encoding lacks: a typographic character by an ASCII spelling, others by an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    spelt = (_PLAIN.get(each) or each.encode("ascii", "backslashreplace").decode("ascii") for each in lacking)
    return "".join(spelt), error.end


class SafeStream:
    """A text stream that replaces stdout or stderr and makes hiding and control characters visible.

    It has no `buffer`, so that no library can bypass it. If the reader has gone away (`| head`), the process ends silently
    if the stream carries results; if it carries only progress, the work continues.
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
        """Write CSV: like `write` on a terminal; into a pipe or a file unchanged except for control characters."""
        if self.isatty():
            self.write(text)
        else:
            self.write_trusted("\r\n".join(map(without_controls, text.split("\r\n"))))

    def write_trusted(self, text: str) -> None:
        """Write text unchanged, for a console that has already made untrusted text visible and adds style codes."""
        self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Flush everything written so far to the operating system."""
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
            # A closed terminal (EIO) ends the run by a signal.
            if not self._results or error.errno == errno.EIO:
                return
            if isinstance(error, BrokenPipeError):
                raise SystemExit(CLOSED_PIPE) from None
            print(f"rlaif: the output cannot be written: {error.strerror}", file=sys.stderr)
            raise SystemExit(UNWRITABLE) from None

    def _discard(self) -> None:
        """Discard all further output."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


class TrustedStream:
    """A stream for a rich console, whose text is already safe and contains style codes."""

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
    """Make everything that this process prints safe for terminals, whatever the encoding of its output."""
    _open_closed_streams()
    # Progress bars of other libraries redraw themselves with control characters.
    os.environ.setdefault("TQDM_DISABLE", "1")
    sys.stdout = cast(TextIO, safe(sys.stdout, results=True))
    sys.stderr = cast(TextIO, safe(sys.stderr, results=False))


def _open_closed_streams() -> None:
    """Open the null device for a closed stream (`>&-`); otherwise the store's file would get its descriptor."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python sets a standard stream that was closed to None.
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def safe(stream: TextIO, *, results: bool) -> SafeStream:
    """Return a stream that writes to this one and never fails because its encoding lacks a character."""
    codecs.register_error(ERRORS, _replace)
    try:
        stream.reconfigure(errors=ERRORS)  # type: ignore[attr-defined]
    except OSError:  # the stream's file was replaced by one of another kind
        stream = open(stream.fileno(), "w", 1, stream.encoding, ERRORS, closefd=False)  # noqa: SIM115
    return SafeStream(stream, results=results)


def write_data(text: str) -> None:
    """Print CSV or another machine-readable format without escape sequences."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout.write_data(text)
    else:
        print(without_controls(text), end="")
