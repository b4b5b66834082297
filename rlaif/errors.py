"""Every error of rlaif, one class a boundary.

    RlaifError
    ├── InputError    something the user wrote or pointed to: file, key, what to do about it
    ├── StoreError    the store is busy, of another version, or cannot be opened
    ├── BudgetError   what the pipeline may spend is spent
    └── ModelError    a language model gave no usable answer; `kind` says how

A failed judgement is a `ModelError` that becomes a row with its kind: never a number, never dropped. Kinds fall in
three groups, and the group decides what happens: a *transient* unit is owed again on the next run (up to a bound), a
*terminal* one is recorded and left, a *fatal* one stops the run, which can then be resumed.
"""

from collections.abc import Mapping
from typing import Any, Final

TRANSIENT: Final = frozenset({"connection", "timeout", "rate_limited", "server"})
TERMINAL: Final = frozenset(
    {"malformed", "refused", "truncated", "context_overflow", "oversized", "rejected", "crashed", "inapplicable"}
)
FATAL: Final = frozenset({"auth", "quota", "unknown_model", "unreachable", "other_model", "failing"})


class RlaifError(Exception):
    """An error with a message for people; the command line prints it without a traceback."""

    exit_code = 1


class InputError(RlaifError):
    """A mistake in what the user gave: `what` is wrong, `where` (file:line key) it stands, how to `fix` it."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__("\n".join(part for part in (f"{where}: {what}" if where else what, fix) if part))


class StoreError(RlaifError):
    """The store cannot serve: `busy` while another process holds it, else unreadable or of another version."""

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.exit_code = 5 if busy else 7


class BudgetError(RlaifError):
    """The budget is spent: nothing new was begun, and all that was begun is kept."""

    exit_code = 4


class ModelError(RlaifError):
    """A model gave no usable answer. `kind` is one of TRANSIENT, TERMINAL or FATAL; `raw` is what it did say.

    Of several completions asked for, `found` holds by place those that were had nevertheless: they are paid for.
    """

    exit_code = 6

    def __init__(self, kind: str, message: str, *, raw: str = "") -> None:
        if kind not in TRANSIENT | TERMINAL | FATAL:
            raise ValueError(f"unknown failure kind {kind!r}")
        self.kind, self.raw = kind, raw
        self.found: Mapping[int, Any] = {}
        super().__init__(message)

    @property
    def fatal(self) -> bool:
        return self.kind in FATAL
