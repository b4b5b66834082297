"""How many requests a server bears at once, learnt from what it answers."""

from typing import Final

# A slot's parts, and how many of them a success adds and a refusal takes. In one round trip of a full window, all
# successes widen it by a 25th and all refusals halve it; a stray refusal in twenty, as proxies give, does not close it.
SLOT, ADDED, TAKEN = 50, 2, 25
LEAST: Final = SLOT


class Window:
    """Requests that may be in flight: `most` at first, one at least.

    Additive increase with each success, multiplicative decrease over a round trip (Chiu and Jain 1989), in proportion
    to the share of refusals (as DCTCP, Alizadeh et al. 2010). Only rate limits narrow it: a server error says nothing
    about the load, and merely does not widen it.
    """

    def __init__(self, most: int) -> None:
        self._most = self._parts = most * SLOT

    @property
    def size(self) -> int:
        return self._parts // SLOT

    def widen(self) -> None:
        """After a success."""
        if self._parts < self._most:
            self._parts = min(self._parts + ADDED, self._most)

    def narrow(self) -> None:
        """After the server said that there are too many."""
        self._parts = max(self._parts - TAKEN, LEAST)
