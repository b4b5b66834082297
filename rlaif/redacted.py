"""What reports and cards may show of a pipeline: all but what could let someone in."""

import re
from collections.abc import Mapping
from typing import Any

from rlaif.config import Pipeline
from rlaif.secret import HARMLESS, NAME

_IN_URL = re.compile(r"(?<=://)[^/@\s]+(?=@)|(?<=\?)[^#\s]+")
_HIDDEN = "(hidden)"


def config_text(pipeline: Pipeline | Mapping[str, Any]) -> str:
    """The pipeline as YAML, less URLs' users and queries, and values of keys named like secrets."""
    import yaml

    plain = pipeline.model_dump(mode="json") if isinstance(pipeline, Pipeline) else pipeline
    return yaml.safe_dump(_redacted(plain), sort_keys=False, allow_unicode=True, width=100)


def hidden_in_urls(text: str) -> str:
    """The text less users and queries of URLs in it."""
    return _IN_URL.sub(_HIDDEN, text)


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
