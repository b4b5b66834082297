"""The figures at the end of a run, apart from the modules that compute them, which take longer to import."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """The figures of one run. `cost` is that of all runs, as text; `retries` counts repeated requests by failure kind."""

    pairs: int | None
    seconds: float
    cost: str
    retries: dict[str, int]
    next: str
