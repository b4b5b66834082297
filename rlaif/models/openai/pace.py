"""Keep requests, or tokens, below a vendor's limit per minute."""

from typing import Final

from rlaif.models.base import Completion

# The burst after an idle time, in seconds of the limit. Vendors also enforce limits per second.
BURST: Final = 1.0


class Pace:
    """A leaky bucket (the generic cell rate algorithm): each amount takes its share of time, one after the other."""

    def __init__(self, per_minute: int | None) -> None:
        self._cost = 60 / per_minute if per_minute else 0.0
        self._busy_until = 0.0

    def reserve(self, amount: float, now: float) -> float:
        """Reserve `amount` at the earliest time with room for it, and return the seconds until then."""
        start = max(self._busy_until, now - BURST)
        self._busy_until = start + amount * self._cost
        return max(start - now, 0.0)

    def correct(self, amount: float) -> None:
        """Correct a reservation by the actual use: add `amount`, which is negative if less was used."""
        self._busy_until += amount * self._cost


def tokens(completion: Completion) -> int:
    """Return the number of tokens that count towards a limit, as far as the server reported them."""
    return (completion.prompt_tokens or 0) + (completion.output_tokens or 0)
