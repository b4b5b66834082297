"""Remove credentials and private servers from what reports and published cards show of a pipeline."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from rlaif.config import Pipeline
from rlaif.config.secrets import HARMLESS, NAME

_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=\?)[^#\s]+")
_HIDDEN = "(hidden)"
# What a published card shows instead of the address of a private server.
SERVER: Final = "(a server of our own)"
# Public servers. The addresses of all others are private.
VENDORS: Final = (
    "api.openai.com",
    "api.anthropic.com",
    "api.cerebras.ai",
    "api.cohere.com",
    "api.cohere.ai",
    "api.deepinfra.com",
    "api.deepseek.com",
    "api.fireworks.ai",
    "api.groq.com",
    "api.mistral.ai",
    "api.perplexity.ai",
    "api.sambanova.ai",
    "api.together.ai",
    "api.together.xyz",
    "api.x.ai",
    "dashscope.aliyuncs.com",
    "generativelanguage.googleapis.com",
    "integrate.api.nvidia.com",
    "openrouter.ai",
    "router.huggingface.co",
)
# Host names that no public server has.
INTERNAL: Final = (
    ".internal",
    ".intranet",
    ".local",
    ".lan",
    ".corp",
    ".home",
    ".private",
    ".localdomain",
    ".localhost",
    ".svc",
    ".cluster",
    ".test",
    ".arpa",
)
# The characters that end an address in a text.
_END = r"\s'\"`<>|,)\]}"
_URL = re.compile(
    rf"(base_url\W{{1,4}})?\b(?:https?|wss?|grpcs?)://(?:[^\s/@]*@)?(?:\[[0-9a-fA-F:.%]+\])?[^/{_END}]*(?:/[^{_END}]*)?",
    re.IGNORECASE,
)


def config_text(pipeline: Pipeline | Mapping[str, Any]) -> str:
    """Return the pipeline as YAML without users and queries in addresses, and without values of keys named like secrets."""
    import yaml

    return yaml.safe_dump(_redacted(_plain(pipeline)), sort_keys=False, allow_unicode=True, width=100)


def hidden_in_urls(text: str) -> str:
    """Return the text without users and queries in addresses."""
    return _IN_URL.sub(_HIDDEN, text)


def without_servers(text: str, *made_by: Pipeline | Mapping[str, Any] | None) -> str:
    """Return a text for publication, without the addresses of servers other than vendors'.

    `made_by` are the pipelines and specifications whose servers the text may mention. Any other address is removed if it
    looks like one inside a private network.
    """
    own = {host for each in made_by if each is not None for host in _servers(_plain(each))}

    def shown(found: "re.Match[str]") -> str:
        before = found[1] or ""
        host = _host(found[0][len(before) :])
        hidden = host not in VENDORS and (before or host in own or _is_internal(host))
        return f"{before}{SERVER}" if hidden else found[0]

    return _URL.sub(shown, text)


def _servers(value: Any) -> Iterator[str]:
    """Yield the hosts of all servers that a pipeline or a specification names."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in ("base_url", "server"):
                addresses = item if isinstance(item, list) else str(item).split(", ")
                yield from (_host(str(address)) for address in addresses if "://" in str(address))
            yield from _servers(item)
    elif isinstance(value, list):
        for item in value:
            yield from _servers(item)


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_internal(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(INTERNAL)


def _plain(pipeline: Pipeline | Mapping[str, Any]) -> Mapping[str, Any]:
    return pipeline.model_dump(mode="json") if isinstance(pipeline, Pipeline) else pipeline


def _redacted(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _redacted(item, str(key)) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_redacted(item, name) for item in value]
    if not isinstance(value, str):
        return value
    if NAME.search(name) and not HARMLESS.match(name) and not value.startswith("env:"):
        return _HIDDEN
    return hidden_in_urls(value)
