"""Send Messages API requests through the `anthropic` package, which determines address, credentials, headers and version.

The package does not retry: rlaif's own layer also retries replies that are not answers, keeps to pauses of minutes, and
stops when the run stops.
"""

from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import orjson

from rlaif.config import OpenAIModel
from rlaif.core.errors import InputError
from rlaif.models.openai.credentials import LOOPBACK, RequestHead
from rlaif.models.openai.errors import RequestError
from rlaif.models.openai.transport_reply import Answer, WireError

if TYPE_CHECKING:
    import anthropic

VENDOR: Final = ".anthropic.com"
# Headers that any server may get. Others describe this machine, or come from variables that are meant for the vendor.
FOR_ALL: Final = frozenset(
    {"authorization", "x-api-key", "anthropic-version", "accept", "accept-encoding", "content-type", "user-agent"}
    | {"host", "content-length", "connection", "transfer-encoding"}
)
MACHINE: Final = "x-stainless-"
# The package looks for this header of a request when it reads the reply.
RAW: Final = "x-stainless-raw-response"


class PackageConnections:
    """Connections to one server, with the methods of `ConnectionPool`. `has_replied` is true once any reply has arrived."""

    def __init__(self, package: "anthropic.AsyncAnthropic") -> None:
        self._package = package
        # The package loads this part on first use, which takes a second.
        self._create = package.messages.with_raw_response.create
        self.has_replied, self.strays = False, 0

    @classmethod
    def to(cls, config: OpenAIModel, key: str, headers: dict[str, str], *, where: str = "") -> Self:
        """Return connections that send this key and these additional headers. Raises InputError without the package."""
        try:
            import anthropic
        except ModuleNotFoundError:
            raise InputError(
                "kind: anthropic needs the package anthropic, which is not installed",
                where=where,
                fix="Run `pip install 'rlaif[anthropic]'`.",
            ) from None
        address = str(config.base_url)
        host = urlsplit(address).hostname or ""
        kept = FOR_ALL | {RAW} | {name.lower() for name in headers}

        async def for_this_server(request: Any) -> None:
            """Remove the headers that the server need not know. A redirect, which could carry the key, is not followed."""
            for name in list(request.headers):
                foreign = name.startswith(MACHINE) or not f".{request.url.host}".endswith(VENDOR)
                if foreign and name not in kept:
                    del request.headers[name]

        return cls(
            anthropic.AsyncAnthropic(
                api_key=key,
                base_url=address,
                timeout=config.timeout,
                max_retries=0,
                default_headers=headers,
                open_telemetry=False,
                http_client=anthropic.DefaultAsyncHttpxClient(
                    follow_redirects=False,
                    trust_env=host not in LOOPBACK,
                    timeout=config.timeout,
                    event_hooks={"request": [for_this_server]},
                ),
            )
        )

    def head(self, config: OpenAIModel) -> RequestHead:
        """Return the address and headers with which a server is asked for its models."""
        headers = {name.lower(): value for name, value in self._package.default_headers.items() if isinstance(value, str)}
        kept = {name: value for name, value in headers.items() if name in FOR_ALL or name in map(str.lower, config.headers)}
        # The probes put the list of models in the place of chats.
        return RequestHead(f"{config.base_url}/v1/chat/completions", kept)

    async def post(self, body: bytes, *, most_bytes: int | None = None, fresh: bool = False) -> Answer:
        """Send a request with this body and return the reply. Raises OSError if the reply is cut off."""
        import anthropic

        request = orjson.loads(body)
        named = {name: request.pop(name) for name in ("model", "max_tokens", "messages")}
        try:
            reply = (await self._create(**named, extra_body=request)).http_response
        except anthropic.APIStatusError as error:
            reply = error.response
        except anthropic.APITimeoutError:
            raise RequestError("timeout", "no whole reply in time") from None
        except anthropic.APIConnectionError as error:
            raise WireError(str(error.__cause__ or error) or type(error).__name__) from None
        self.has_replied = True
        return Answer(reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content)

    def drop_last(self) -> None:
        """Do nothing: the package reads each reply whole."""

    async def close(self) -> None:
        """Close all connections."""
        await self._package.close()
