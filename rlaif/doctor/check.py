"""One finding of the doctor."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked, the `outcome` ("ok", "warn" or "fail"), what was found, and what to do about it."""

    name: str
    outcome: str
    said: str
    fix: str = ""
    of_model: bool = False


def ok(name: str, said: str) -> Check:
    """A finding with nothing to do about it."""
    return Check(name, "ok", said)


def warn(name: str, said: str, fix: str = "") -> Check:
    """A finding that makes a run worse than it could be."""
    return Check(name, "warn", said, fix)


def fail(name: str, said: str, fix: str = "", *, of_model: bool = False) -> Check:
    """A finding that prevents a run."""
    return Check(name, "fail", said, fix, of_model)
