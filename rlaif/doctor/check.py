"""One finding of the doctor."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, the `outcome` ("ok", "warn" or "fail"), what was found, and what to do about it."""

    name: str
    outcome: str
    said: str
    fix: str = ""
    of_model: bool = False


def ok(name: str, said: str) -> Check:
    """Nothing to do."""
    return Check(name, "ok", said)


def warn(name: str, said: str, fix: str = "") -> Check:
    """It will work, but not as well as it could."""
    return Check(name, "warn", said, fix)


def fail(name: str, said: str, fix: str = "", *, of_model: bool = False) -> Check:
    """It will not work."""
    return Check(name, "fail", said, fix, of_model)
