"""The type of the doctor's findings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was checked, the `outcome` ("ok", "warn" or "fail"), a message, and how to fix it."""

    name: str
    outcome: str
    message: str
    fix: str = ""
    of_model: bool = False


def ok(name: str, message: str) -> Check:
    """Return a finding that needs no action."""
    return Check(name, "ok", message)


def warn(name: str, message: str, fix: str = "") -> Check:
    """Return a finding about something that a run works with, but not well."""
    return Check(name, "warn", message, fix)


def fail(name: str, message: str, fix: str = "", *, of_model: bool = False) -> Check:
    """Return a finding about something that prevents a run."""
    return Check(name, "fail", message, fix, of_model)
