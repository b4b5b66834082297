"""The type of the doctor's findings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was checked, the `outcome` ("ok", "warn" or "fail"), what was found (`said`), and how to fix it."""

    name: str
    outcome: str
    said: str
    fix: str = ""
    of_model: bool = False


def ok(name: str, said: str) -> Check:
    """Return a finding that needs no action."""
    return Check(name, "ok", said)


def warn(name: str, said: str, fix: str = "") -> Check:
    """Return a finding about something that a run works with, but not well."""
    return Check(name, "warn", said, fix)


def fail(name: str, said: str, fix: str = "", *, of_model: bool = False) -> Check:
    """Return a finding about something that prevents a run."""
    return Check(name, "fail", said, fix, of_model)
