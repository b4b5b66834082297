"""Refuse pipeline files with literal secrets, because the file's content ends up in the store and in the report."""

import re
from typing import Any, Final

from rlaif.config.yaml import Place, YamlFile
from rlaif.core.errors import InputError

NAME: Final = re.compile(r"(^|[_-])(token|secret|password|passwd|credentials?|(api|access|private)[_-]?key)$", re.IGNORECASE)
# Options of trainers and servers whose names look like those of secrets but which hold a plain token of text.
HARMLESS: Final = re.compile(r"^(pad|eos|bos|unk|mask|cls|sep|stop|image)[_-]token$", re.IGNORECASE)
USER: Final = re.compile(r"://[^/@\s]+@")
QUERY: Final = re.compile(
    r"[?&;#]([\w.%~-]*(key|token|secret|passw(or)?d|pass|pwd|sig|signature|code|auth(orization)?|credentials?|session|jwt|bearer))=",
    re.IGNORECASE,
)
ADDRESSES: Final = frozenset({"base_url"})


def refuse(file: YamlFile) -> None:
    """Raise InputError, which names the place but not the value, if the file contains a literal secret."""
    for place, value in _strings(file.data, ()):
        name = next((str(part) for part in reversed(place) if isinstance(part, str)), "")
        if NAME.search(name) and not HARMLESS.match(name) and not value.startswith("env:"):
            raise InputError(
                "the file contains a secret, which would be kept in the store and shown in the report",
                where=file.where(place),
                fix="Put it into an environment variable and write env:NAME.",
            )
        if _has_credentials(value, is_server=name in ADDRESSES):
            raise InputError(
                "an address contains credentials or parameters, which would be kept in the store and shown in the report",
                where=file.where(place),
                fix="Take them out; a server's key goes into `api_key: env:NAME`, Azure's version into `api_version`.",
            )


def _has_credentials(value: str, *, is_server: bool) -> bool:
    """Return whether an address has a user or a parameter named like a secret; server addresses may have no parameters."""
    if is_server:
        return any(mark in value for mark in "?#@")
    return "://" in value and bool(USER.search(value) or QUERY.search(value))


def _strings(value: Any, place: Place) -> list[tuple[Place, str]]:
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _strings(item, (*place, name))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _strings(item, (*place, index))]
    return [(place, value)] if isinstance(value, str) else []
