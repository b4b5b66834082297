"""How many requests a server bears at once, learnt from what it answers."""

from typing import Final

# What a success adds and a refusal takes, in slots. In one round trip of a full window, all successes widen it by a
# 25th and all refusals halve it; a stray refusal in a hundred, which some proxies give at any rate, does not close it.
ADDED: Final = 1 / 25
TAKEN: Final = 1 / 2


class Window:
    """Requests that may be in flight: `most` at first, one at least.

    Additive increase a success, multiplicative decrease a round trip (as in congestion control: Chiu and Jain 1989;
    in proportion to the share of refusals: DCTCP, Alizadeh et al. 2010). Only rate limits narrow it: a server error
    says nothing about the load, and merely does not widen it.
    """

    def __init__(self, most: int) -> None:
        self._most = self._size = float(most)

    @property
    def size(self) -> int:
        return int(self._size)

    def widen(self) -> None:
        """After a success."""
        if self._size < self._most:
            self._size = min(self._size + ADDED, self._most)

    def narrow(self) -> None:
        """After the server said that there are too many."""
        self._size = max(self._size - TAKEN, 1.0)
