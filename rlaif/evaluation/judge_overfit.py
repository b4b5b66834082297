"""Tests whether a gain is real. A model may have learned only what its training judge likes."""

from dataclasses import dataclass

from rlaif.core.statistics import bootstrap, mean
from rlaif.evaluation.scores import Scored


@dataclass(frozen=True)
class Gap:
    """A model's gain over its base by the training `judge`, minus its gain by an `other` judge, in hundredths of the scale.

    Both gains are over the same prompts, and `interval` is the gap's 95 % bootstrap interval over prompts. `flagged` is true
    if the whole interval is above zero, so the training judge sees more gain than the other judge.
    """

    model: str
    judge: str
    other: str
    prompts: int
    gain: float | None
    other_gain: float | None
    gap: float | None
    interval: tuple[float, float] | None
    flagged: bool


def gap(model: str, judge: str, other: str, scored: Scored, other_scored: Scored) -> Gap:
    """Return the gap between the gains that two judges see in a model over its base. All three are names."""
    mine, theirs = gains(scored), gains(other_scored)
    shared = [prompt for prompt in mine if prompt in theirs]
    differences = [mine[prompt] - theirs[prompt] for prompt in shared]
    interval = bootstrap(differences)
    return Gap(
        model=model,
        judge=judge,
        other=other,
        prompts=len(shared),
        gain=mean([mine[prompt] for prompt in shared]),
        other_gain=mean([theirs[prompt] for prompt in shared]),
        gap=mean(differences),
        interval=interval,
        flagged=interval is not None and interval[0] > 0,
    )


def gains(scored: Scored) -> dict[str, float]:
    """Return the model's score minus the base's by prompt, for prompts where both have a score."""
    return {
        prompt: after.score - before.score
        for prompt, (before, after) in scored.both.items()
        if before.score is not None and after.score is not None
    }
