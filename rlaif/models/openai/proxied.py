"""Send requests through the proxy that the environment names, with aiohttp, which supports proxies."""

import aiohttp

from rlaif.models.openai.transport_reply import MEMORY, Answer, ReplyMemory, WireError, decompressed

CHUNK = 2**18


class Proxied:
    """Like ConnectionPool, through a proxy. Each request has a new connection, so that late replies cannot be confused."""

    def __init__(
        self,
        url: str,
        headers: dict[str, str],
        *,
        proxy: str,
        most_bytes: int,
        method: str = "POST",
        memory: ReplyMemory = MEMORY,
    ) -> None:
        self._url, self._proxy, self._most_bytes, self._method, self._memory = url, proxy, most_bytes, method, memory
        self.has_replied, self.strays = False, 0
        self._session = aiohttp.ClientSession(
            headers={**headers, "accept-encoding": "identity"},
            # The number of requests in flight and their time are bounded elsewhere.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def post(self, body: bytes, *, most_bytes: int | None = None, fresh: bool = False) -> Answer:
        """Send a request with this body and return the reply. Raises OSError if the reply is incomplete."""
        share = self._memory.share(min(most_bytes or self._most_bytes, self._most_bytes))
        try:
            async with self._session.request(
                self._method, self._url, data=body, allow_redirects=False, proxy=self._proxy
            ) as response:
                self.has_replied = True
                data = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK):
                    data += chunk
                    share.hold(len(data))
                    share.check()
                headers = {name.lower(): value for name, value in response.headers.items()}
                plain = decompressed(bytes(data), headers.get("content-encoding", ""), share)
                return Answer(response.status, headers, plain)
        except aiohttp.ClientError as error:
            raise WireError(str(error) or type(error).__name__) from None
        except ValueError as error:
            raise WireError(f"the proxy's address cannot be used: {type(error).__name__}") from error
        finally:
            share.release()

    def drop_last(self) -> None:
        """Do nothing: the last reply's connection is already closed."""

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
