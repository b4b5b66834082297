"""What the page shows: one pipeline, its store, and the functions of higher layers that the page calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rlaif.config import Config
from rlaif.evaluation import Evaluation
from rlaif.evaluation.audit.types import Audit
from rlaif.store.store import Store


@dataclass(frozen=True)
class Subject:
    """A pipeline as the page needs it.

    `generators` returns the keys of the generators whose responses people label; `judges` holds the keys of the pipeline's
    judges by name. `audit` and `evaluate` measure stored results and call no model. `remaining` counts the responses and the
    judgements that a run still has to make.
    """

    config: Config
    generators: Callable[[Store], Sequence[str]]
    judges: Mapping[str, str]
    audit: Callable[[Store], Audit]
    evaluate: Callable[[Store], Evaluation]
    remaining: Callable[[Store], Mapping[str, int]]
