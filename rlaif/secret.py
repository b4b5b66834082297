"""Secrets stand in a pipeline file by reference only: what is in the file ends up in the store and in the report."""

import re
from typing import Any, Final

from rlaif.errors import InputError
from rlaif.yaml_file import Place, YamlFile

NAME: Final = re.compile(r"(^|[_-])(token|secret|password|passwd|credentials?|(api|access|private)[_-]?key)$", re.IGNORECASE)
# Options of trainers and servers that end like a secret's name and hold a piece of text.
HARMLESS: Final = re.compile(r"^(pad|eos|bos|unk|mask|cls|sep|stop|image)[_-]token$", re.IGNORECASE)
USER: Final = re.compile(r"://[^/@\s]+@")
QUERY: Final = re.compile(r"[?&]([\w-]*(key|token|secret|password|sig|signature|code))=", re.IGNORECASE)


def refuse(file: YamlFile) -> None:
    """Raises InputError, with the place and without the value, for a secret that is written out."""
    for place, value in _strings(file.data, ()):
        name = next((str(part) for part in reversed(place) if isinstance(part, str)), "")
        if NAME.search(name) and not HARMLESS.match(name) and not value.startswith("env:"):
            raise InputError(
                "a secret is written out; it would be kept in the store and shown in the report",
                where=file.where(place), fix="Put it into an environment variable and write env:NAME.",
            )  # fmt: skip
        if USER.search(value) or ("://" in value and QUERY.search(value)):
            raise InputError(
                "an address with credentials in it; it would be kept in the store and shown in the report",
                where=file.where(place), fix="Take them out of the address; a server's key goes into `api_key: env:NAME`.",
            )  # fmt: skip


def _strings(value: Any, place: Place) -> list[tuple[Place, str]]:
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _strings(item, (*place, name))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _strings(item, (*place, index))]
    return [(place, value)] if isinstance(value, str) else []
