"""Every error of rlaif, one class per boundary.

    RlaifError
    ├── InputError    a mistake in something the user wrote or pointed to: file, key, how to fix it
    ├── StoreError    the store is in use, has another version, or cannot be opened
    ├── BudgetError   the pipeline's budget is spent
    └── ModelError    a language model gave no usable answer; `kind` says why

A failed judgement is a `ModelError` that becomes a row with its kind: never a number, never dropped. The kinds form three
groups: a *transient* failure is retried on the next run (a bounded number of times), a *terminal* one is recorded and left,
a *fatal* one stops the run, which can then be resumed.

Some kinds need an explanation. `empty`: a response without a visible character.
`unfinished_reasoning`: a response that ended while the model was still reasoning.
`truncated`: a judge's reply that was cut off. `prompt_cut`: the server's token count shows that it read only a part of the
prompt. `inapplicable`: a criterion that has nothing to judge, such as a response without claims. `oversized`: a reply beyond
the byte limit. `rejected`: a request that the server does not accept.
"""

from collections.abc import Mapping
from typing import Any, Final

TRANSIENT: Final = frozenset({"connection", "timeout", "rate_limited", "server"})
TERMINAL: Final = frozenset(
    {
        "malformed",
        "refused",
        "truncated",
        "empty",
        "unfinished_reasoning",
        "prompt_cut",
        "context_overflow",
        "oversized",
        "rejected",
        "crashed",
        "inapplicable",
    }
)
FATAL: Final = frozenset({"auth", "quota", "unknown_model", "unreachable", "other_model", "failing"})


class RlaifError(Exception):
    """An error with a message for users; the command line prints it without a traceback."""

    exit_code = 1


class InputError(RlaifError):
    """A mistake in the user's input: `what` is wrong, `where` it is (file:line key), how to `fix` it."""

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__("\n".join(part for part in (f"{where}: {what}" if where else what, fix) if part))


class StoreError(RlaifError):
    """The store cannot be used: it is `busy` in another process, unreadable, or has another version."""

    def __init__(self, message: str, *, busy: bool = False) -> None:
        super().__init__(message)
        self.busy = busy
        self.exit_code = 5 if busy else 7


class BudgetError(RlaifError):
    """The budget is spent: no new work was started, and all started work is kept."""

    exit_code = 4


class ModelError(RlaifError):
    """A model gave no usable answer. `kind` is one of TRANSIENT, TERMINAL or FATAL; `raw` is the reply, if there was one.

    If several completions were requested, `found` holds those that arrived, by index: they are paid for.
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
