"""Keeps requests, or tokens, below a vendor's limit per minute."""

from typing import Final

from rlaif.models.ask import Completion

# Seconds' worth that may be used at once after a quiet time. Vendors count by the second as well as by the minute.
BURST: Final = 1.0


class Pace:
    """A leaky bucket (the generic cell rate algorithm): each amount takes its share of time, one after the other."""

    def __init__(self, per_minute: int | None) -> None:
        self._cost = 60 / per_minute if per_minute else 0.0
        self._busy_until = 0.0

    def reserve(self, amount: float, now: float) -> float:
        """Takes `amount` at the earliest time there is room for it; returns the seconds until then."""
        start = max(self._busy_until, now - BURST)
        self._busy_until = start + amount * self._cost
        return max(start - now, 0.0)

    def correct(self, amount: float) -> None:
        """Adds what was used beyond the reservation, or gives back what was not (negative)."""
        self._busy_until += amount * self._cost


def tokens(completion: Completion) -> int:
    """What a limit on tokens counts, as far as the server told."""
    return (completion.prompt_tokens or 0) + (completion.output_tokens or 0)
