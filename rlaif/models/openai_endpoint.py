"""One server of an `openai` model: connections to it, what is in flight, and how much more it bears."""

from typing import TYPE_CHECKING, Final

from rlaif.models.openai_fault import RequestError, from_status
from rlaif.models.openai_health import Health
from rlaif.models.openai_server import Letterhead
from rlaif.models.openai_window import Window
from rlaif.models.wire import Wires
from rlaif.models.wire_reply import OversizedError

if TYPE_CHECKING:
    from rlaif.models.proxied import Proxied

# The longest reply that can be honest (64 completions of 4,096 tokens with 20 alternatives each) is a fifth of it.
MOST_BYTES: Final = 256 * 2**20


class Endpoint:
    """A server, to be closed after use. Whoever sends counts itself in `in_flight` while it does.

    `number` tells it from other servers of the model. It is `reached` once it said anything at all, and `fit` once it gave
    an answer.
    """

    def __init__(
        self, head: Letterhead, *, most: int, pause: float = 1.0, most_bytes: int = MOST_BYTES, number: int = 0,
        method: str = "POST",
    ) -> None:  # fmt: skip
        self.number = number
        self.window, self.health = Window(most), Health(pause)
        self.in_flight = 0
        self.fit = False
        self._wires = _wires(head, most_bytes, method)

    async def send(self, body: bytes) -> bytes:
        """The reply to one request. Raises RequestError for all that is no reply of status 2xx."""
        try:
            answer = await self._wires.post(body)
        except OversizedError as error:
            raise RequestError("oversized", str(error)) from None
        except OSError as error:
            raise RequestError("connection", f"no whole reply: {error or type(error).__name__}") from None
        if answer.status >= 300:
            raise from_status(answer.status, answer.headers, answer.body.decode("utf-8", "replace"))
        return answer.body

    @property
    def reached(self) -> bool:
        return self._wires.heard

    def answered(self) -> None:
        """To be called after each answer: the server does well and may bear more."""
        self.fit = True
        self.window.widen()
        self.health.good()

    async def close(self) -> None:
        await self._wires.close()


def _wires(head: Letterhead, most_bytes: int, method: str) -> "Wires | Proxied":
    from rlaif.models.proxied import Proxied, proxy

    through = proxy(head.url)
    if through:
        return Proxied(head.url, head.headers, proxy=through, most_bytes=most_bytes, method=method)
    return Wires(head.url, head.headers, most_bytes=most_bytes, method=method)
