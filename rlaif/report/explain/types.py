"""The history of one prompt as plain data."""

from dataclasses import dataclass
from typing import Any

from rlaif.core.types import Message


@dataclass(frozen=True)
class Mark:
    """One criterion's score in a verdict: a value in [low, high], or a failure kind."""

    criterion: str
    value: float | None
    expected: float | None
    spread: float | None
    low: float | None
    high: float | None
    rationale: str | None
    failure: str | None


@dataclass(frozen=True)
class Found:
    """One item that a judge checked for a criterion (a claim, a key point, a checklist item), and the outcome."""

    criterion: str
    text: str
    outcome: str
    rationale: str | None


@dataclass(frozen=True)
class Noted:
    """A judge's note on the prompt for a criterion (key points, checklist items), or a failure kind."""

    judge: str
    criterion: str
    texts: list[str]
    failure: str | None
    detail: str | None


@dataclass(frozen=True)
class FullVerdict:
    """One full verdict, the scores parsed from it, and the items that the judge checked."""

    judge: str
    repeat: int
    attempt: int
    raw: str | None
    reasoning: str | None
    failure: str | None
    detail: str | None
    marks: list[Mark]
    findings: list[Found]


@dataclass(frozen=True)
class Sampled:
    """One response, or its failure, with every verdict on its text. `name` is "GENERATOR #SAMPLE"."""

    key: str
    name: str
    text: str | None
    reasoning: str | None
    finish: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    logprob: float | None
    attempt: int
    failure: str | None
    detail: str | None
    verdicts: list[FullVerdict]


@dataclass(frozen=True)
class Vote:
    """One comparison of two responses (by name), in the order shown: `preferred` is "first", "second" or "tie".

    A comparison by a model has its reply in `raw`, and a failure kind if the reply gave no preference.
    """

    judge: str
    criterion: str
    first: str
    second: str
    preferred: str | None
    probability: float | None
    rationale: str | None
    failure: str | None
    raw: str | None
    detail: str | None


@dataclass(frozen=True)
class Escalation:
    """A cascade passed the prompt from judge `before` to `judge`: the score margin (in hundredths) was small or missing."""

    before: str
    judge: str
    lead: float | None


@dataclass(frozen=True)
class Paired:
    """One pair of the prompt: responses by name, the margin in hundredths of the scale."""

    chosen: str
    rejected: str
    margin: float | None
    confidence: float | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of one pairing for the prompt and for each response, by name."""

    pairing: str
    created: str
    strategy: str
    judge: str
    prompt: str
    responses: dict[str, str]
    pairs: list[Paired]


@dataclass(frozen=True)
class PromptHistory:
    """Everything that the store holds on one prompt. `in_play` is False if its source no longer contains it."""

    prompt: str
    source: str
    in_play: bool
    messages: list[Message]
    document: str | None
    reference: str | None
    checklist: list[str]
    metadata: dict[str, Any]
    shown: dict[str, list[Message]]
    notes: list[Noted]
    responses: list[Sampled]
    comparisons: list[Vote]
    passed_on: list[Escalation]
    outcomes: list[Outcome]

    def _repr_html_(self) -> str:
        """Return the history as HTML, which notebooks show."""
        from rlaif.core.console import as_html
        from rlaif.report.explain.render import render

        return as_html(lambda console: render(self, console))
