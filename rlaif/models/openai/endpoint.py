"""One server of an `openai` model: its connections, its requests in flight, and its remaining capacity."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from zlib import crc32

from rlaif.models.openai.credentials import RequestHead, proxy
from rlaif.models.openai.duplicates import SeenReplies
from rlaif.models.openai.errors import RequestError, from_status
from rlaif.models.openai.health import Health
from rlaif.models.openai.transport import ConnectionPool
from rlaif.models.openai.transport_reply import Answer, OversizedError
from rlaif.models.openai.window import Window
from rlaif.models.redaction import redactor, secrets_of

if TYPE_CHECKING:
    from rlaif.models.anthropic.connections import PackageConnections
    from rlaif.models.openai.proxied import Proxied

# The share of the newest reply in the mean time of a server's replies.
NEWEST: Final = 1 / 32
# The maximum size of a reply in bytes, whatever the request.
MOST_BYTES: Final = 256 * 2**20
# The number of consecutive copies of earlier replies, each over a new connection, after which the request fails.
MOST_COPIES: Final = 3


class Endpoint:
    """A server, to be closed after use. Callers count themselves in `in_flight` while they send.

    `number` tells it from other servers of the model, and `mark` does so in every fleet. `seconds` is the mean time of its
    newest replies. It is `reached` once it has sent anything, and `fit` once it gave an answer. It calls `remark` with a
    name, a value and a count for what it sent without being asked. `connections` are those of a vendor's package, if
    requests are sent through it.
    """

    def __init__(
        self,
        head: RequestHead,
        *,
        most: int,
        pause: float = 1.0,
        most_bytes: int = MOST_BYTES,
        number: int = 0,
        method: str = "POST",
        remark: Callable[[str, str, int], None] = lambda name, value, times: None,
        connections: "PackageConnections | None" = None,
    ) -> None:
        self.number = number
        self.mark = crc32(head.url.encode())
        self.seconds: float | None = None
        self.window, self.health = Window(most), Health(pause)
        self.in_flight = 0
        self.fit = False
        self._remark = remark
        self._seen, self._strays = SeenReplies(), 0
        self._wires: ConnectionPool | Proxied | PackageConnections
        self._wires, secrets = _wires(head, most_bytes, method, connections)
        self.redact = redactor(*secrets)

    async def send(self, body: bytes, *, question: int | None = None, most_bytes: int | None = None) -> bytes:
        """Send one request and return the reply without secrets.

        `question` is a digest of the request; None if a copy of an earlier reply does no harm. `most_bytes` bounds the
        reply. Raises RequestError for everything except a reply with status 2xx.
        """
        fresh = False
        for _ in range(MOST_COPIES):
            answer = await self._post(body, most_bytes, fresh=fresh)
            if question is None or self._belongs(answer, question):
                is_json = answer.body[:1] == b"{"
                return self.redact(answer.body, json=is_json)
            fresh = True
        raise RequestError("malformed", "the server answers with its reply to another request")

    async def _post(self, body: bytes, most_bytes: int | None, *, fresh: bool) -> Answer:
        try:
            answer = await self._wires.post(body, most_bytes=most_bytes, fresh=fresh)
        except OversizedError as error:
            raise RequestError("oversized", str(error)) from None
        except OSError as error:
            why = self.redact.text(str(error) or type(error).__name__)
            raise RequestError("connection", f"no whole reply: {why}") from None
        finally:
            if self._wires.strays > self._strays:
                self._remark("surplus", "replies", self._wires.strays - self._strays)
                self._strays = self._wires.strays
        if answer.status >= 300:
            text = self.redact(answer.body).decode("utf-8", "replace")
            raise from_status(answer.status, answer.headers, text)
        return answer

    def _belongs(self, answer: Answer, question: int) -> bool:
        """Return whether the reply is new, not a copy of an earlier one. Drops a connection that may deliver copies."""
        new, keeps = self._seen.examine(answer.body, question, first=answer.first)
        if not keeps:
            self._wires.drop_last()
        if not new:
            self._remark("surplus", "replies", 1)
        return new

    @property
    def reached(self) -> bool:
        """Return whether the server has sent anything."""
        return self._wires.has_replied

    def answered(self, seconds: float) -> None:
        """Record an answer that took this long: the server is healthy and may take more requests."""
        self.fit = True
        self.seconds = seconds if self.seconds is None else self.seconds + (seconds - self.seconds) * NEWEST
        self.window.widen()
        self.health.good()

    async def close(self) -> None:
        """Close all connections."""
        await self._wires.close()


def _wires(
    head: RequestHead, most_bytes: int, method: str, connections: "PackageConnections | None"
) -> "tuple[ConnectionPool | Proxied | PackageConnections, list[str]]":
    """Return the connections to the server, and the secrets that the server or a proxy learns."""
    through, secrets = proxy(head.url), secrets_of(head.url, head.headers)
    if connections:
        return connections, [*secrets, *secrets_of(through or "", {})]
    if through:
        from rlaif.models.openai.proxied import Proxied

        proxied = Proxied(head.url, head.headers, proxy=through, most_bytes=most_bytes, method=method)
        return proxied, [*secrets, *secrets_of(through, {})]
    return ConnectionPool(head.url, head.headers, most_bytes=most_bytes, method=method), secrets
