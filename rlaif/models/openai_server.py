"""Which server an `openai` model means, under which name it is known, and the secret that opens it."""

import os
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from rlaif.config import OpenAIModel
from rlaif.errors import InputError

# Given explicitly, so that no environment variable redirects requests to a server that the pipeline does not name.
VENDOR: Final = "https://api.openai.com/v1"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# What servers on this machine are sent where no key is set: the header must not be empty.
NO_SECRET: Final = "none"


def public_url(base_url: str | None) -> str:
    """The server's address as it may be shown and stored: without credentials and query."""
    parts = urlsplit(base_url or VENDOR)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def secret(config: OpenAIModel, *, where: str = "") -> str:
    """The API key that `config` refers to; servers on this machine need none. Raises InputError if it is not set."""
    name = config.api_key.removeprefix("env:")
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if urlsplit(config.base_url or VENDOR).hostname in LOOPBACK:
        return NO_SECRET
    raise InputError(
        f"the environment variable {name} is not set; {public_url(config.base_url)} needs a key",
        where=where, fix=f"Run `export {name}=…` first, or name another variable with api_key: env:NAME.",
    )  # fmt: skip
