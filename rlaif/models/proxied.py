"""Requests through the proxy that the environment names, by aiohttp: it knows their ways."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from rlaif.models.openai_server import LOOPBACK
from rlaif.models.wire_reply import Answer, OversizedError, WireError

CHUNK = 2**18


def proxy(url: str) -> str | None:
    """The proxy for an address, by the usual variables (HTTP_PROXY, HTTPS_PROXY, NO_PROXY); none for this machine."""
    parts = urlsplit(url)
    return None if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


class Proxied:
    """Like Wires, by way of a proxy."""

    def __init__(self, url: str, headers: dict[str, str], *, proxy: str, most_bytes: int, method: str = "POST") -> None:
        self._url, self._proxy, self._most_bytes, self._method = url, proxy, most_bytes, method
        self.heard = False
        self._session = aiohttp.ClientSession(
            headers=headers,
            # What is in flight is bounded elsewhere, and so is the time for it.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def post(self, body: bytes) -> Answer:
        """The reply to a request with this body. Raises OSError where there is none."""
        try:
            async with self._session.request(
                self._method, self._url, data=body, allow_redirects=False, proxy=self._proxy
            ) as response:
                self.heard = True
                data = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK):
                    data += chunk
                    if len(data) > self._most_bytes:
                        raise OversizedError(f"a reply of more than {self._most_bytes // 2**20} MiB")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, headers, bytes(data))
        except aiohttp.ClientError as error:
            raise WireError(str(error) or type(error).__name__) from None

    async def close(self) -> None:
        await self._session.close()
