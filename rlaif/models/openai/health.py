"""Track whether a server can be used: one that fails repeatedly is set aside, and probed until it is back."""

from typing import Final

# Consecutive failures of any requests. Even if one reply in ten fails, this many in a row are unlikely by chance.
FAILURES: Final = 5
# The maximum seconds between probes, for which a recovered server may stay idle.
LONGEST: Final = 30.0


class Health:
    """The health of one server. Times are in seconds of one clock; `pause` is how long it is set aside at first.

    `since` is when it began to fail, None while it works. It is not used before `until`.
    """

    def __init__(self, pause: float = 1.0) -> None:
        self.since: float | None = None
        self.until = 0.0
        self._failures, self._first, self._pause = 0, pause, pause

    @property
    def probing(self) -> bool:
        """Return whether the server gets only a single request, to see whether it is back."""
        return self._failures >= FAILURES

    def good(self) -> None:
        """Record an answer."""
        if self.since is not None:
            self.since, self._failures, self._pause = None, 0, self._first

    def bad(self, now: float) -> None:
        """Record a failure that is not the request's fault."""
        self._failures += 1
        if self.since is None:
            self.since = now
        if self.probing and now >= self.until:
            self._set_aside(now)

    def probe(self, now: float) -> None:
        """Record that a probe was sent: the next one waits, even if this one is never answered."""
        self._set_aside(now)

    def rest(self, until: float) -> None:
        """Record that the server asked for a pause until then."""
        self.until = max(self.until, until)

    def _set_aside(self, now: float) -> None:
        self.until = now + self._pause
        self._pause = min(2 * self._pause, LONGEST)
