"""The result of pairing, apart from the modules that make it, which take longer to import."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Pairing:
    """One way to turn scores into pairs; its key is a digest of everything that affects the result except the scores.

    `judge` is the key of the first judge, `by` lists the names of all; both are empty without judges.
    """

    key: str
    judge: str
    pairs: int
    outcomes: Mapping[str, int]
    by: str = ""
    strategy: str = ""
