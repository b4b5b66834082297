"""One prompt's story as plain data."""

from dataclasses import dataclass
from typing import Any

from rlaif.records import Message


@dataclass(frozen=True)
class Mark:
    """One criterion's outcome in a verdict: a value in [low, high], or a failure kind."""

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
    """One thing that a judge looked at for a criterion (a claim, a key point, an item), and what it found."""

    criterion: str
    text: str
    outcome: str
    rationale: str | None


@dataclass(frozen=True)
class Noted:
    """What a judge wrote down once about the prompt for a criterion (key points, items), or a failure kind."""

    judge: str
    criterion: str
    texts: list[str]
    failure: str | None
    detail: str | None


@dataclass(frozen=True)
class Said:
    """One judgement in the judge's own words, the marks read from it, and what it looked at one by one."""

    judge: str
    repeat: int
    attempt: int
    raw: str | None
    failure: str | None
    detail: str | None
    marks: list[Mark]
    findings: list[Found]


@dataclass(frozen=True)
class Sampled:
    """One response, or the failure in its place, with every verdict on its text. `name` is generator #sample."""

    key: str
    name: str
    text: str | None
    finish: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    logprob: float | None
    attempt: int
    failure: str | None
    detail: str | None
    verdicts: list[Said]


@dataclass(frozen=True)
class Vote:
    """One comparison of two responses (by name), in the order shown: `preferred` is "first", "second" or "tie".

    Of a judge's own there are its words in `raw`, and a failure kind in the place of a preference where there is none.
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
class PassedOn:
    """In a cascade, the judge `before` left the prompt to `judge`, by that lead in hundredths, or because there was none."""

    before: str
    judge: str
    lead: float | None


@dataclass(frozen=True)
class Paired:
    """One pair that the prompt gave: responses by name, the margin in hundredths of the scale."""

    chosen: str
    rejected: str
    margin: float | None
    confidence: float | None


@dataclass(frozen=True)
class Outcome:
    """What one pairing made of the prompt and of each response, by name."""

    pairing: str
    created: str
    strategy: str
    judge: str
    prompt: str
    responses: dict[str, str]
    pairs: list[Paired]


@dataclass(frozen=True)
class Story:
    """All that the store knows of one prompt. `in_play` is False once its source holds it no more."""

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
    passed_on: list[PassedOn]
    outcomes: list[Outcome]
