"""Recognises a reply that was used before: some servers and proxies send one twice, and late.

The second copy then looks like the reply to the next request on that connection. A reply's `id` gives it away, so a
connection is used again only after a reply with an id of its own. Some servers give all replies one id, repeat ids now and
then, or give none, and work well: with them each request has a new connection, over which nothing late can arrive.
"""

import re
from typing import Any, Final

from rlaif.models.openai.response import parse

# Where nearly all servers put it: to parse a whole reply for it would cost as much as reading the reply.
FIRST: Final = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]+)"')
# Ids that are remembered. Late copies come within seconds, and this is a minute's worth of a fast fleet.
MOST_IDS: Final = 65_536


class SeenReplies:
    """The replies of one server so far, by their ids."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._ids_repeat = False

    def examine(self, body: bytes, question: int, *, first: bool) -> tuple[bool, bool]:
        """Whether a reply may be the answer to this question, and whether its connection may be used again.

        `question` is a digest of what was asked, and `first` is for the first reply on a connection.
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
    """The id that the server gave the reply; empty if it gave none."""
    found = FIRST.match(body)
    if found:
        return found[1].decode("utf-8", "replace")
    reply: Any = parse(body) if b'"id"' in body else None
    name = reply.get("id") if isinstance(reply, dict) else None
    return name if isinstance(name, str) else ""
