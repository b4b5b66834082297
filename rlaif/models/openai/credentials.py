"""Determine the servers of an `openai` model, the name under which they are stored, and their API key.

The `openai` package is the authority on the addresses, credentials and headers of OpenAI and Azure: it builds one request,
which is never sent, and all others are built like it.
"""

import os
import re
import ssl
import sys
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from rlaif import __version__
from rlaif.config import OpenAIModel, ServerFile
from rlaif.core.errors import InputError

if TYPE_CHECKING:
    import openai

# Given explicitly, so that no environment variable redirects requests to a server that the pipeline does not name.
VENDOR: Final = "https://api.openai.com/v1"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# The key that servers on this machine get if none is set, because the header must not be empty.
NO_SECRET: Final = "none"
# The transport writes the first ones itself; the last ones describe this machine, which servers need not know.
UNWRITTEN: Final = ("host", "content-length", "connection", "accept-encoding", "transfer-encoding", "x-stainless-")
# Headers that any server may get. Others come from environment variables that are meant for the vendor.
FOR_ALL: Final = frozenset({"authorization", "api-key", "accept", "content-type", "user-agent"})
VENDORS: Final = ("api.openai.com", ".openai.azure.com", ".api.openai.com")
# An address that needs no escaping: no credentials, query, blanks or letters outside ASCII.
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PLAIN_ADDRESS: Final = re.compile(
    rf"https?://(?:{_LABEL}\.)*{_LABEL}(?::(?:[0-9]{{1,4}}|[1-5][0-9]{{4}}))?(?:/[A-Za-z0-9._~/-]*)?"
)
USER: Final = re.compile(r"[^/?#]*@")
# Pairs of variable and host that were announced, so that each is announced once.
ANNOUNCED: Final[set[tuple[str, str]]] = set()


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The address and headers (with the key) that all requests to one server share."""

    url: str
    headers: dict[str, str]


def proxy(url: str) -> str | None:
    """Return the proxy for an address, by the usual variables (HTTP_PROXY, HTTPS_PROXY, NO_PROXY); none for this machine."""
    parts = urlsplit(url)
    return None if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)


BaseUrl = str | Iterable[str] | ServerFile | None


def addresses(base_url: BaseUrl) -> list[str]:
    """Return the servers' addresses, as the pipeline file gives them, or as its file of servers lists them now.

    Raises InputError for a line of that file that is not the plain address of a server.
    """
    if isinstance(base_url, ServerFile):
        found, wrong = listed_servers(base_url)
        if wrong:
            raise InputError("not the address of a server", where=wrong[0], fix="Write one http://HOST:PORT/v1 per line.")
        return found
    return [base_url or VENDOR] if isinstance(base_url, str | None) else list(base_url)


def listed_servers(source: ServerFile) -> tuple[list[str], list[str]]:
    """Return the addresses in a file of servers, each once, and the places of lines that are not plain addresses.

    Empty lines and those that begin with # are skipped. A file that does not exist yet lists no servers.
    """
    try:
        lines = source.path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return [], []
    found, wrong = dict[str, None](), []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            if PLAIN_ADDRESS.fullmatch(line):
                found[line] = None
            else:
                wrong.append(f"{source.path}:{number}")
    return list(found), wrong


def public_url(base_url: BaseUrl) -> str:
    """Return the server's address, or all of several addresses, without credentials and query, to be shown and stored.

    Servers that come and go have the name of their file, so that results stay those of one model.
    """
    if isinstance(base_url, ServerFile):
        return base_url.file
    return ", ".join(_public(address) for address in addresses(base_url))


def _public(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        # Such as an unclosed bracket. The address is unusable, and showing it might reveal a secret.
        return "an address that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, USER.sub("", parts.path.rstrip("/")), "", ""))


def secret(config: OpenAIModel, *, where: str = "") -> str:
    """Return the API key that `config` refers to; servers on this machine need none.

    Raises InputError, which names the variable and never the key, if it is not set, empty, or cannot be sent.
    """
    name = config.api_key.removeprefix("env:")
    value = os.environ.get(name, "").strip(" \t\r\n")
    if value:
        _check_characters(name, value, where)
        return value
    # Servers of a file are not known yet; most fleets take no key, and a server that wants one says so.
    if isinstance(config.base_url, ServerFile) or all(_host(each) in LOOPBACK for each in addresses(config.base_url)):
        return NO_SECRET
    raise InputError(
        f"the environment variable {name} is {'empty' if name in os.environ else 'not set'}; "
        f"{public_url(config.base_url)} needs a key",
        where=where,
        fix=f"Run `export {name}=…` first, or name another variable with api_key: env:NAME.",
    )


def _check_characters(name: str, key: str, where: str) -> None:
    """Raise InputError if the key contains a character that HTTP headers cannot carry, such as a pasted typographic dash."""
    for place, character in enumerate(key, start=1):
        if not "!" <= character <= "~":
            shown = unicodedata.name(character, "a control character").lower()
            raise InputError(
                f"the key in {name} cannot be sent: its character {place} is U+{ord(character):04X} ({shown}), "
                "and an HTTP header carries only printable ASCII without blanks",
                where=where,
                fix=f"Copy the key again and set {name}; look out for typographic dashes and quotes.",
            )


def announce(config: OpenAIModel, key: str, heads: Iterable[RequestHead]) -> None:
    """Print which variable is sent to which host, once for each, before the first request."""
    name = config.api_key.removeprefix("env:")
    is_key = key != NO_SECRET and key == os.environ.get(name, "").strip(" \t\r\n")
    named = [value.removeprefix("env:") for value in config.headers.values() if value.startswith("env:")]
    for host in sorted({urlsplit(head.url).netloc.rpartition("@")[2] for head in heads}):
        for variable in dict.fromkeys([*([name] if is_key else []), *named]):
            if (variable, host) not in ANNOUNCED:
                ANNOUNCED.add((variable, host))
                print(f"rlaif: sends the key in {variable} to {host}", file=sys.stderr, flush=True)


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def client(config: OpenAIModel, address: str, key: str, **options: Any) -> "openai.AsyncOpenAI":
    """Return the `openai` package's client of one server, which neither retries nor follows redirects.

    A redirect could carry the key to another host. `options` go to its HTTP client.
    """
    import openai

    shared: Any = {
        "api_key": key,
        "max_retries": 0,
        "timeout": options.get("timeout"),
        "http_client": openai.DefaultAsyncHttpxClient(
            follow_redirects=False, **{"timeout": None, "event_hooks": {"request": [_for_this_server]}} | options
        ),
    }
    if config.api_version:
        return openai.AsyncAzureOpenAI(azure_endpoint=address, api_version=config.api_version, **shared)
    return openai.AsyncOpenAI(base_url=address, **shared)


async def _for_this_server(request: Any) -> None:
    """Remove the headers that are meant for the vendor and not for this server."""
    for name in [name for name in request.headers if not _may_go(name, request.url.host)]:
        del request.headers[name]


def _may_go(name: str, host: str) -> bool:
    return not name.startswith(("openai-", "x-")) or host.endswith(VENDORS)


async def request_head(config: OpenAIModel, address: str, key: str, *, where: str = "") -> RequestHead:
    """Return the address and headers of a chat request, as the `openai` package builds them for that vendor.

    Other servers get the same, without loading the package, which takes a second.
    """
    if not config.api_version and PLAIN_ADDRESS.fullmatch(address) and not (_host(address) or "").endswith(VENDORS):
        headers = {
            "accept": "application/json",
            "content-type": "application/json",
            "user-agent": f"rlaif/{__version__}",
            "authorization": f"Bearer {key}",
        }
        head = RequestHead(f"{address.rstrip('/')}/chat/completions", headers)
    else:
        head = await package_head(config, address, key, where=where)
    own = {name.lower(): header(config, name, where=where) for name in config.headers}
    return RequestHead(head.url, head.headers | own)


def header(config: OpenAIModel, name: str, *, where: str) -> str:
    """Return the value of a header of the pipeline file. Raises InputError if its variable is not set or cannot be sent."""
    value = config.headers[name]
    if value.startswith("env:"):
        variable = value.removeprefix("env:")
        value = os.environ.get(variable, "").strip(" \t\r\n")
        if not value:
            raise InputError(
                f"the environment variable {variable} is not set; header {name} needs it",
                where=where,
                fix=f"Run `export {variable}=…` first.",
            )
        _check_characters(variable, value, where)
    elif not value.isascii() or not value.isprintable():
        raise InputError(f"header {name} has characters that HTTP cannot carry", where=where, fix="Use printable ASCII.")
    return value


async def package_head(config: OpenAIModel, address: str, key: str, *, where: str = "") -> RequestHead:
    """Return the same as `request_head`, by a request that the `openai` package builds and that is never sent."""
    import openai

    written: list[Any] = []

    async def catch(request: Any) -> None:
        written.append(request)
        raise openai.OpenAIError("written, not to be sent")

    # Nothing is sent, so no certificates are loaded: reading them takes longer than the rest.
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(openai.OpenAIError, ValueError):
        async with client(config, address, key, event_hooks={"request": [catch]}, verify=nobody, trust_env=False) as package:
            await package.chat.completions.create(model=config.model, messages=[])
    if not written or written[0].url.scheme not in ("http", "https") or not _is_host(written[0].url.host):
        raise InputError(
            f"base_url: {public_url(address)!r} is not the address of a server",
            where=where,
            fix="Give base_url as http://HOST:PORT/v1.",
        )
    host = written[0].url.host
    headers = {
        name: value
        for name, value in written[0].headers.items()
        if not name.startswith(UNWRITTEN) and (name in FOR_ALL or host.endswith(VENDORS))
    }
    return RequestHead(str(written[0].url), headers)


def _is_host(name: str) -> bool:
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False
