"""One server of an `openai` model: pooled connections to it, what is in flight, and how much more it bears."""

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from rlaif.models.openai_fault import RequestError, from_status
from rlaif.models.openai_health import Health
from rlaif.models.openai_server import Letterhead
from rlaif.models.openai_window import Window

if TYPE_CHECKING:
    import aiohttp

# The longest reply that can be honest (64 completions of 4,096 tokens with 20 alternatives each) is a fifth of it.
MOST_BYTES: Final = 256 * 2**20
CHUNK: Final = 2**18


class Endpoint:
    """A server, to be closed after use. Whoever sends counts itself in `in_flight` while it does.

    It is `reached` once it said anything at all, and `fit` once it gave an answer.
    """

    def __init__(self, head: Letterhead, *, most: int, pause: float = 1.0, most_bytes: int = MOST_BYTES) -> None:
        self.window, self.health = Window(most), Health(pause)
        self.in_flight = 0
        self.reached = self.fit = False
        self._url, self._most_bytes = head.url, most_bytes
        self._proxy = _proxy(head.url)
        self._session = _session(head)

    async def send(self, body: bytes) -> bytes:
        """The reply to one request. Raises RequestError for all that is no reply of status 2xx."""
        import aiohttp

        try:
            async with self._session.post(self._url, data=body, allow_redirects=False, proxy=self._proxy) as response:
                self.reached = True
                data = await self._read(response)
                if response.status >= 300:
                    raise from_status(response.status, response.headers, data.decode("utf-8", "replace"))
                return data
        except (aiohttp.ClientError, OSError) as error:
            raise RequestError("connection", f"no whole reply: {error or type(error).__name__}") from None

    async def _read(self, response: "aiohttp.ClientResponse") -> bytes:
        """The whole body, unless it is longer than any honest one."""
        declared = response.content_length
        if declared is not None and declared <= CHUNK and "content-encoding" not in response.headers:
            return await response.read()
        data = bytearray()
        async for chunk in response.content.iter_chunked(CHUNK):
            data += chunk
            if len(data) > self._most_bytes:
                response.close()
                raise RequestError("oversized", f"a reply of more than {self._most_bytes // 2**20} MiB")
        return bytes(data)

    def answered(self) -> None:
        """To be called after each answer: the server does well and may bear more."""
        self.fit = True
        self.window.widen()
        self.health.good()

    async def close(self) -> None:
        await self._session.close()


def _session(head: Letterhead) -> "aiohttp.ClientSession":
    import aiohttp

    return aiohttp.ClientSession(
        headers=head.headers,
        # Windows bound what is in flight; one deadline for the whole attempt stands around each request.
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for this address. (The library's own way would read passwords from .netrc.)"""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
