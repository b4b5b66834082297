"""Follows a training by its checkpoints, and picks the one that a judge prefers that made no pairs (early stopping).

A model can learn what its training judge likes instead of what the judge stands for: the gain by that judge keeps growing,
while the gain by other judges falls (Gao et al. 2023, arXiv 2210.10760). Lengths, flattery and the KL divergence from the
base show what else changes meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.core.statistics import Interval, bootstrap, mean
from rlaif.evaluation.divergence import Divergence
from rlaif.evaluation.judge_overfit import gains
from rlaif.evaluation.scores import Scored
from rlaif.evaluation.text_stats import Texts


@dataclass(frozen=True)
class Gain:
    """A checkpoint's mean gain over the base by one judge, in hundredths of the scale, with a 95 % interval over prompts."""

    judge: str
    prompts: int
    gain: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint, in `folder` below the output folder; step 0 is the base.

    `words` is the mean length of its responses, `flattery` the share of those that praise or agree with the user at the
    start, and `k1` the KL divergence from the base in nats per response, None if it was not measured.
    """

    step: int
    folder: str
    gains: Sequence[Gain]
    words: float | None
    flattery: float | None
    k1: float | None


@dataclass(frozen=True)
class BestCheckpoint:
    """The checkpoint with the highest mean score by `judge` on one half of the prompts, measured on the other half.

    `gain` is that over the base, `lead` that over the last checkpoint, both on `prompts` that did not choose it, with 95 %
    intervals. Its own half would flatter the chosen one.
    """

    judge: str
    step: int
    folder: str
    prompts: int
    gain: float | None
    interval: Interval | None
    lead: float | None
    lead_interval: Interval | None

    @property
    def clear(self) -> bool:
        """Whether it is better than the last checkpoint beyond chance, so that training went on for too long."""
        return self.lead_interval is not None and self.lead_interval[0] > 0


@dataclass(frozen=True)
class CheckpointCurve:
    """The checkpoints of one training in order of their steps, from the base to the trained model.

    `training_judges` are those that made the pairs. `best` is None if all judges did.
    """

    training_judges: Sequence[str]
    checkpoints: Sequence[Checkpoint]
    best: BestCheckpoint | None


def read_checkpoint(
    step: int, folder: str, scored: Mapping[str, Scored], texts: Texts, divergence: Divergence | None
) -> Checkpoint:
    """Return the results of one checkpoint; `scored` has each judge's scores of it and of the base."""
    return Checkpoint(
        step=step,
        folder=folder,
        gains=[_gain(judge, list(gains(each).values())) for judge, each in scored.items()],
        words=texts.words,
        flattery=texts.flattery,
        k1=divergence.k1 if divergence else None,
    )


def base_checkpoint(judges: Sequence[str], texts: Texts) -> Checkpoint:
    """Return the base as step 0: by definition it gains nothing over itself."""
    return Checkpoint(0, "", [Gain(judge, 0, 0.0, None) for judge in judges], texts.words, texts.flattery, 0.0)


def _gain(judge: str, values: Sequence[float]) -> Gain:
    return Gain(judge, len(values), mean(values), bootstrap(values))


def best_checkpoint(judge: str, scored: Sequence[Scored], steps: Sequence[tuple[int, str]]) -> BestCheckpoint | None:
    """Return the best of several checkpoints, given in order as one judge's scores, steps and folders.

    None if fewer than four prompts have a score of every checkpoint.
    """
    found = [gains(each) for each in scored]
    # The keys of prompts are digests, so that their order says nothing about the prompts.
    shared = sorted(set.intersection(*(set(each) for each in found)))
    choosing, others = shared[::2], shared[1::2]
    if len(others) < 2:
        return None
    place = max(range(len(found)), key=lambda each: sum(found[each][prompt] for prompt in choosing))
    step, folder = steps[place]
    own = [found[place][prompt] for prompt in others]
    lead = [found[place][prompt] - found[-1][prompt] for prompt in others]
    return BestCheckpoint(judge, step, folder, len(others), mean(own), bootstrap(own), mean(lead), bootstrap(lead))
