"""Which servers an `openai` model means, under which name they are known, and the secret that opens them.

The `openai` package is the authority on addresses, credentials and headers, for each vendor: it writes one request,
which is never sent, and all others are written like it.
"""

import asyncio
import os
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from rlaif.config import OpenAIModel
from rlaif.errors import InputError

if TYPE_CHECKING:
    import openai

# Given explicitly, so that no environment variable redirects requests to a server that the pipeline does not name.
VENDOR: Final = "https://api.openai.com/v1"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# What servers on this machine are sent where no key is set: the header must not be empty.
NO_SECRET: Final = "none"
# Vendors' keys are longer. What servers on this machine are given (test, local, EMPTY) stands in good answers too.
SHORTEST_KEY: Final = 12
# Seconds for the question which models there are, which only makes an error message better.
LIST_TIMEOUT: Final = 5.0
# The transport writes these itself; and what the package tells about this machine is nobody's business.
UNWRITTEN: Final = ("host", "content-length", "connection", "accept-encoding", "transfer-encoding", "x-stainless-")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all requests to one server share: the full address, and the headers (with the secret)."""

    url: str
    headers: dict[str, str]


def addresses(base_url: str | Iterable[str] | None) -> list[str]:
    """The servers' addresses, as the pipeline gives them."""
    return [base_url or VENDOR] if isinstance(base_url, str | None) else list(base_url)


def public_url(base_url: str | Iterable[str] | None) -> str:
    """The server's address as it may be shown and stored: without credentials and query. Of several, all."""
    return ", ".join(_public(address) for address in addresses(base_url))


def _public(address: str) -> str:
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def secret(config: OpenAIModel, *, where: str = "") -> str:
    """The API key that `config` refers to; servers on this machine need none. Raises InputError if it is not set."""
    name = config.api_key.removeprefix("env:")
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if all(urlsplit(address).hostname in LOOPBACK for address in addresses(config.base_url)):
        return NO_SECRET
    raise InputError(
        f"the environment variable {name} is not set; {public_url(config.base_url)} needs a key",
        where=where, fix=f"Run `export {name}=…` first, or name another variable with api_key: env:NAME.",
    )  # fmt: skip


def without(key: str, reply: bytes) -> bytes:
    """A reply less the key, which a careless proxy says in its answer; a short one or a plain word is no secret there."""
    plain = len(key) < SHORTEST_KEY or (key.isalpha() and key.islower())
    return reply if plain else reply.replace(key.encode(), b"***")


def client(config: OpenAIModel, address: str, key: str, **options: Any) -> "openai.AsyncOpenAI":
    """The package's own client of one server, which neither retries nor follows redirects.

    A redirect could carry the key to another host. `options` are of its HTTP client.
    """
    import openai

    shared: Any = {
        "api_key": key, "max_retries": 0, "timeout": options.get("timeout"),
        "http_client": openai.DefaultAsyncHttpxClient(follow_redirects=False, **{"timeout": None} | options),
    }  # fmt: skip
    if config.api_version:
        return openai.AsyncAzureOpenAI(azure_endpoint=address, api_version=config.api_version, **shared)
    return openai.AsyncOpenAI(base_url=address, **shared)


async def letterhead(config: OpenAIModel, address: str, key: str, *, where: str = "") -> Letterhead:
    """Address and headers of a chat request, as the package writes them for that vendor."""
    import openai

    written: list[Any] = []

    async def catch(request: Any) -> None:
        written.append(request)
        raise openai.OpenAIError("written, not to be sent")

    # Nothing is sent, so this trusts nobody: to read all certificates takes longer than the rest.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with client(config, address, key, event_hooks={"request": [catch]}, verify=nobody, trust_env=False) as package:
        with suppress(openai.OpenAIError):
            await package.chat.completions.create(model=config.model, messages=[])
    if not written or written[0].url.scheme not in ("http", "https") or not _is_host(written[0].url.host):
        raise InputError(
            f"{public_url(address)!r} is no address of a server", where=where, fix="Give base_url as http://HOST:PORT/v1."
        )
    if any(character in value for value in written[0].headers.values() for character in "\r\n"):
        raise InputError(f"the key in {config.api_key.removeprefix('env:')} holds a line break", where=where)
    headers = {name: value for name, value in written[0].headers.items() if not name.startswith(UNWRITTEN)}
    return Letterhead(str(written[0].url), headers)


async def listed(config: OpenAIModel, key: str) -> list[str]:
    """The models that the server says it has."""
    import openai

    try:
        async with asyncio.timeout(LIST_TIMEOUT), client(config, addresses(config.base_url)[0], key) as package:
            return [model.id async for model in package.models.list() if isinstance(model.id, str)]
    except (TimeoutError, openai.OpenAIError, ValueError, TypeError, AttributeError):
        return []


def _is_host(name: str) -> bool:
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False
