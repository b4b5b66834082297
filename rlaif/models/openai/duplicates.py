"""Recognize duplicate replies: some servers and proxies send a reply twice, the second time late.

The second copy then looks like the reply to the next request on that connection. A reply's `id` reveals it, so a connection
is reused only after a reply with a new id. Some working servers give all replies the same id, repeat ids now and then, or
give none: with them, each request has a new connection, on which nothing late can arrive.
"""

import re
from typing import Any, Final

from rlaif.models.openai.response import parse

# The usual position of the id: parsing the whole reply to find it would cost as much as reading the reply.
FIRST: Final = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]+)"')
# The number of ids to remember. Late copies come within seconds; this covers a minute of a fast fleet.
MOST_IDS: Final = 65_536


class SeenReplies:
    """Remembers the ids of one server's replies."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._ids_repeat = False

    def examine(self, body: bytes, question: int, *, first: bool) -> tuple[bool, bool]:
        """Return whether a reply may be the answer to this question, and whether its connection may be reused.

        `question` is a digest of the request, and `first` marks the first reply on a connection.
        """
        name = "" if self._ids_repeat else reply_id(body)
        if not name:
            return True, False
        known, found = self._known.get(name), (hash(body), question)
        if known is None:
            if len(self._known) >= MOST_IDS:
                del self._known[next(iter(self._known))]
            self._known[name] = found
            return True, True
        if not first:
            return False, False
        # Nothing late can have come over a new connection. The same question may have been answered by a cache; but where
        # ids differ, another request's reply, word for word, is not an answer.
        if known[0] == found[0] and known[1] != question and len(self._known) > 1:
            return False, False
        self._ids_repeat = known != found
        return True, False


def reply_id(body: bytes) -> str:
    """Return the id that the server gave the reply; empty if there is none."""
    found = FIRST.match(body)
    if found:
        return found[1].decode("utf-8", "replace")
    reply: Any = parse(body) if b'"id"' in body else None
    name = reply.get("id") if isinstance(reply, dict) else None
    return name if isinstance(name, str) else ""
