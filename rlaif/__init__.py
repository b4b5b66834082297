"""rlaif: preference data from AI feedback, and training on it. The Python API is `rlaif.api`, loaded when it is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlaif.api import Pipeline, Result, check, judge, open, source, strategy

__version__ = "0.1.0"
__all__ = ["Pipeline", "Result", "__version__", "check", "judge", "open", "source", "strategy"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'rlaif' has no attribute {name!r}")
    from rlaif import api

    return getattr(api, name)
