"""Learn from a server's answers how many requests it can take at once."""

from typing import Final

# The parts of a slot, and how many a success adds and a refusal takes. In one round trip of a full window, successes alone
# widen it by a 25th, and refusals alone halve it; one refusal in twenty, which proxies cause, does not close it.
SLOT, ADDED, TAKEN = 50, 2, 25
LEAST: Final = SLOT


class Window:
    """The number of requests that may be in flight: `most` at first, at least one.

    Additive increase with each success, multiplicative decrease over a round trip (Chiu and Jain 1989), in proportion
    to the share of refusals (as in DCTCP, Alizadeh et al. 2010). Only rate limits narrow it: a server error is no sign of
    load, so it neither narrows nor widens it.
    """

    def __init__(self, most: int) -> None:
        self._most = self._parts = most * SLOT

    @property
    def size(self) -> int:
        return self._parts // SLOT

    def widen(self) -> None:
        """Widen the window after a success."""
        if self._parts < self._most:
            self._parts = min(self._parts + ADDED, self._most)

    def narrow(self) -> None:
        """Narrow the window after the server reported too many requests."""
        self._parts = max(self._parts - TAKEN, LEAST)
