"""Whether a server is worth asking: one that fails again and again is set aside, and probed until it is back."""

from typing import Final

# Failures in a row, from any requests. Chance does not make as many even where one reply in ten fails.
FAILURES: Final = 5
# Seconds between probes at most: what a server that came back may stand idle.
LONGEST: Final = 30.0


class Health:
    """One server's. Times are in seconds of any one clock; `pause` is how long it is set aside at first.

    `since` is when it began to fail, None while it does well; it is asked nothing before `until`.
    """

    def __init__(self, pause: float = 1.0) -> None:
        self.since: float | None = None
        self.until = 0.0
        self._failures, self._first, self._pause = 0, pause, pause

    @property
    def probing(self) -> bool:
        """Whether it may be asked only one thing, to see whether it is back."""
        return self._failures >= FAILURES

    def good(self) -> None:
        """It answered."""
        if self.since is not None:
            self.since, self._failures, self._pause = None, 0, self._first

    def bad(self, now: float) -> None:
        """It failed, in a way that is not the request's fault."""
        self._failures += 1
        if self.since is None:
            self.since = now
        if self.probing and now >= self.until:
            self._set_aside(now)

    def probe(self, now: float) -> None:
        """A probe was sent: the next one waits its turn, even if this one is never answered."""
        self._set_aside(now)

    def rest(self, until: float) -> None:
        """It asked to be left alone until then."""
        self.until = max(self.until, until)

    def _set_aside(self, now: float) -> None:
        self.until = now + self._pause
        self._pause = min(2 * self._pause, LONGEST)
