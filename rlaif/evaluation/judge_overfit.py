"""Is the gain real? A model trained against one judge may have learned only what that judge likes."""

from dataclasses import dataclass

from rlaif.core.statistics import bootstrap, mean
from rlaif.evaluation.scores import Scored


@dataclass(frozen=True)
class Gap:
    """A model's gain over its base by the training `judge`, less its gain by an `other` one, in hundredths of the scale.

    Both are over the same prompts, and `interval` is the 95 % bootstrap interval of the gap over them. `flagged` where
    all of it is above zero: the judge that decided what was learned sees more gain than the other.
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
    """The gap between two judges' (names) views of the same model (name) and its base."""
    mine, theirs = _gains(scored), _gains(other_scored)
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


def _gains(scored: Scored) -> dict[str, float]:
    return {
        prompt: after.score - before.score
        for prompt, (before, after) in scored.both.items()
        if before.score is not None and after.score is not None
    }
