"""Sections `judges`, `judge` and `gate`: who judges, and what an audit must find of them."""

from typing import Literal

from pydantic import Field

from rlaif.config.base import Section


class JudgeSpec(Section):
    """A judge: a rubric, and the model that applies it (none, where every criterion is a program)."""

    rubric: str
    model: str | None = None
    template: str = "prompts/judge/scale.jinja"
    calls: Literal["together", "apart"] = "together"
    """All criteria in one call, or one call each."""
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(1024, ge=1)
    repeats: int = Field(1, ge=1)
    """Judgements of each response; their mean counts."""
    logprobs: bool = False
    """Take the expected value over the score token's alternatives."""
    attempts: int = Field(2, ge=1)
    """Tries before a reply that is no verdict counts as a failure."""
    retrieval: str | None = None
    """The model from `models`, of kind openai, whose embeddings find the parts of a document that a claim is checked
    against; where omitted, they are found by their words (BM25). What it costs is not counted."""


class Cascade(Section):
    """When a prompt is left to the next judge. One that was left to it stays with it, and so do its later responses."""

    margin: float = Field(gt=0, le=100)
    """The lead of the best response over the worst (over the second, where pairs are of those), in hundredths of the scale,
    below which a judge has not decided."""


class Judge(Section):
    """Who judges the responses."""

    by: list[str] = []
    """Names from `judges`; all of them where omitted."""
    cascade: Cascade | None = None
    """The judges are asked in this order, each only about what the one before it left open."""


Measured = Literal[
    "accuracy", "longest", "gain", "undecided", "kappa", "alpha", "alpha_points", "spearman", "calibration", "ties", "range",
    "exact_repeat", "repeat_difference", "top_tie", "swap_consistency", "first_shown", "failures", "longer", "listed",
    "own_family", "raised", "change", "broken",
]  # fmt: skip


class Gate(Section):
    """What an audit must find of the judge whose scores make the pairs; short of it, no pair is made.

    Bounds are by measure of `rlaif audit`: shares from 0 to 1, points from 0 to 100. One on `raised` holds for each attack.
    """

    gold: str | None = None
    """The judge that is taken to be right: a name from `judges`, or of one that came with the data or voted."""
    least: dict[Measured, float] = {}
    """Lowest values that will do, such as accuracy: 0.65."""
    most: dict[Measured, float] = {}
    """Highest values that will do, such as failures: 0.02."""
