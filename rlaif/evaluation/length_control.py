"""Estimates the win rate that a model would have if its responses were as long as the base model's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from rlaif.core.statistics import Interval, logistic, newton, percentile_interval, resampled_sums

if TYPE_CHECKING:
    from rlaif.core.statistics import Array

# Precisions of normal priors. The prior on a model's skill is weak and only keeps it finite if one side always wins.
PENALTY = 1 / 100
# A prompt's difficulty has a standard deviation of 1, and so does a model's slope on it, around a mean of 1.
DIFFICULTY = 1.0
# The precision of the effect of length if several models are fitted together. The effect is a property of the judge, so the
# models' effects share a mean and differ by a standard deviation of 0.3. On AlpacaEval's models, any precision from 3 to 300
# gives a mean error below 1.5 points. The prior on the mean weighs as much as one model and keeps it small for few models.
POOLED = 10.0
# With fewer prompts, the prior outweighs the data: intervals go from 0 to 100 %.
LEAST = 10
# If a model's responses are longer or shorter by more than APART, hardly any is as long as the base model's, so that model
# alone cannot separate length from quality. TOGETHER different models can, if one of them is about as long as the base: on
# AlpacaEval, their mean error is 1.2 points and 90 % of the intervals contain the published value; without such a model, 2.2
# points and 60 %, however many models are fitted. `python -m benchmarks.length_control` measures both.
APART, TOGETHER = 1.5, 3
# Models whose wins correlate more are copies or checkpoints of one model and together weigh as much as one: otherwise the
# difficulty of the prompts would only say where that model wins. AlpacaEval's two Claude models have 0.68.
ALIKE = 0.75
# Models and difficulties are fitted in turn, at most TURNS times, until no coefficient changes by more than CLOSE.
CLOSE, TURNS = 1e-4, 200


@dataclass(frozen=True)
class LengthControlled:
    """The win rate at equal lengths, its 95 % bootstrap interval over prompts, and the effect of length.

    `effect` is the gain, in log-odds of winning, of a response that is much longer than the other one, and `models` the
    number of models that were fitted together.
    """

    win_rate: float
    interval: Interval
    effect: float
    models: int = 1


@dataclass(frozen=True)
class Outcome:
    """One model against the base: wins (0, 1, or between) and lengths in characters of both responses, by prompt."""

    wins: Mapping[str, float]
    lengths: Mapping[str, float]
    base_lengths: Mapping[str, float]


def length_controlled(outcomes: Sequence[Outcome]) -> list[LengthControlled | str]:
    """Return the length-controlled win rate of each model against the same base, or the reason why there is none.

    As in AlpacaEval 2 (Dubois et al. 2024, arXiv 2404.04475), logit P(win) = θ + φ·tanh(difference / sd) + ψ·γ, with a
    skill θ, an effect of length φ and a slope ψ for each model and a difficulty γ for each prompt; `sd` is the standard
    deviation of the model's differences in length. The win rate at equal lengths is the mean of logistic(θ + ψ·γ). All
    models are fitted together by penalised maximum likelihood. AlpacaEval takes γ from its own annotations and φ partly
    from baselines that were prompted to be verbose or concise; here γ and the mean of φ come from the compared models. With
    a single model, γ is not fitted.
    """
    obstacles = [_too_few_data(each) for each in outcomes]
    usable = [each for each, obstacle in zip(outcomes, obstacles, strict=True) if not obstacle]
    if narrow := _too_narrow(usable):
        obstacles = [why or _too_far(each, narrow) for each, why in zip(outcomes, obstacles, strict=True)]
    found = iter(_fit([each for each, obstacle in zip(outcomes, obstacles, strict=True) if not obstacle]))
    return [obstacle or next(found) for obstacle in obstacles]


def _too_few_data(outcome: Outcome) -> str | None:
    """Return the reason why no effect of length can be estimated from this model's prompts, or None."""
    if len(outcome.wins) < LEAST:
        return f"fewer than {LEAST} prompts"
    differences = [outcome.lengths[prompt] - outcome.base_lengths[prompt] for prompt in outcome.wins]
    if max(differences) - min(differences) < 1e-9 and differences[0]:
        return "all responses differ by the same length"
    return None


def _too_narrow(outcomes: Sequence[Outcome]) -> str | None:
    """Return the reason why these models cannot tell the win rate of one whose lengths are far from the base's, or None."""
    if len(outcomes) < TOGETHER or _weights(*_table(outcomes)[::2]).sum() < TOGETHER - 0.5:
        return f"fewer than {TOGETHER} different models are compared"
    if all(_times(each) > APART for each in outcomes):
        return "no compared model has responses about as long as the base model's"
    return None


def _too_far(outcome: Outcome, narrow: str) -> str | None:
    times = _times(outcome)
    than = "longer" if _total(outcome, outcome.lengths) > _total(outcome, outcome.base_lengths) else "shorter"
    return f"its responses are {times:.1f} times {than}, and {narrow}" if times > APART else None


def _times(outcome: Outcome) -> float:
    """Return the ratio of mean lengths, the longer to the shorter."""
    low, high = sorted(_total(outcome, lengths) for lengths in (outcome.lengths, outcome.base_lengths))
    return high / low if low else math.inf if high else 1.0


def _total(outcome: Outcome, lengths: Mapping[str, float]) -> float:
    return math.fsum(lengths[prompt] for prompt in outcome.wins)


def _table(outcomes: Sequence[Outcome]) -> tuple["Array", "Array", "Array"]:
    """Return wins, differences in length (tanh of standardised ones) and presence: a row per model, a column per prompt."""
    import numpy

    prompts = {prompt: place for place, prompt in enumerate(dict.fromkeys(p for each in outcomes for p in each.wins))}
    wins, lengths, known = numpy.zeros((3, len(outcomes), len(prompts)))
    for model, each in enumerate(outcomes):
        places = [prompts[prompt] for prompt in each.wins]
        differences = numpy.array([each.lengths[prompt] - each.base_lengths[prompt] for prompt in each.wins])
        spread = differences.std(ddof=1)
        lengths[model, places] = numpy.tanh(differences / spread) if spread else 0.0
        wins[model, places], known[model, places] = list(each.wins.values()), 1.0
    return wins, lengths, known


def _weights(wins: "Array", known: "Array") -> "Array":
    """Return a weight for each model: one divided by the number of models alike, itself included."""
    import numpy

    shared = numpy.maximum(known @ known.T, 1)
    means = (wins @ known.T) / shared
    covariances = (wins @ wins.T) / shared - means * means.T
    variances = (wins**2 @ known.T) / shared - means**2
    alike = covariances > ALIKE * numpy.sqrt(variances * variances.T)
    numpy.fill_diagonal(alike, True)
    weights: Array = 1 / alike.sum(axis=1)
    return weights


def _fit(outcomes: Sequence[Outcome]) -> list[LengthControlled]:
    import numpy

    if not outcomes:
        return []
    wins, lengths, known = _table(outcomes)
    weights = _weights(wins, known)[:, None]
    difficulties = numpy.zeros(known.shape[1])
    # Skill, effect of length, slope on the difficulty; and the priors' means and precisions.
    at = numpy.zeros((len(outcomes), 3))
    middle, precision = numpy.array([0.0, 0.0, 1.0]), numpy.array([PENALTY, PENALTY, DIFFICULTY])
    together = len(outcomes) > 1
    if together:
        at[:, 2], precision[1] = 1.0, POOLED
    for _ in range(TURNS):
        before = at
        features = _features(lengths, difficulties)
        at = newton(partial(_derivatives, features=features, wins=wins, known=known, middle=middle, precision=precision), at)
        if not together or numpy.abs(at - before).max() < CLOSE:
            break
        middle = numpy.array([0.0, (at[:, 1:2] * weights).sum() / (weights.sum() + 1), 1.0])
        difficulties = _difficulties(at, lengths, difficulties, wins, known * weights)
    return [
        replace(_controlled(at[model], features[model][rows], wins[model][rows], middle, precision), models=len(outcomes))
        for model, rows in enumerate(known.astype(bool))
    ]


def _features(lengths: "Array", difficulties: "Array") -> "Array":
    import numpy

    return numpy.stack([numpy.ones_like(lengths), lengths, numpy.broadcast_to(difficulties, lengths.shape)], axis=-1)


def _derivatives(
    at: "Array", features: "Array", wins: "Array", known: "Array", middle: "Array", precision: "Array"
) -> tuple["Array", "Array"]:
    """Return gradient and curvature of the penalised log-likelihood of each model."""
    import numpy

    chances = logistic((features @ at[..., None])[..., 0])
    gradient = ((known * (wins - chances))[..., None] * features).sum(axis=-2) - precision * (at - middle)
    weights = known * chances * (1 - chances)
    return gradient, features.swapaxes(-1, -2) @ (weights[..., None] * features) + numpy.diag(precision)


def _difficulties(at: "Array", lengths: "Array", start: "Array", wins: "Array", known: "Array") -> "Array":
    """Fit the difficulty of each prompt, given the models' coefficients."""
    offset, slopes = at[:, :1] + at[:, 1:2] * lengths, at[:, 2:]

    def derivatives(point: "Array") -> tuple["Array", "Array"]:
        chances = logistic(offset + slopes * point[:, 0])
        gradient = (known * (wins - chances) * slopes).sum(axis=0) - DIFFICULTY * point[:, 0]
        curvature = (known * chances * (1 - chances) * slopes**2).sum(axis=0) + DIFFICULTY
        return gradient[:, None], curvature[:, None, None]

    return newton(derivatives, start[:, None])[:, 0]


def _controlled(at: "Array", features: "Array", wins: "Array", middle: "Array", precision: "Array") -> LengthControlled:
    """Return one model's win rate at equal lengths. Its interval takes one Newton step per resample of prompts."""
    import numpy

    level = features * numpy.array([1.0, 0.0, 1.0])
    chances, equal = logistic(features @ at), logistic(level @ at)
    gradients = (wins - chances)[:, None] * features
    curvatures = (chances * (1 - chances))[:, None, None] * features[:, :, None] * features[:, None, :]
    slopes = (equal * (1 - equal))[:, None] * level
    size = len(wins)
    table = numpy.column_stack([gradients, curvatures.reshape(size, 9), slopes, equal, numpy.ones(size)])
    drawn = resampled_sums(table)
    steps = numpy.linalg.solve(
        drawn[:, 3:12].reshape(-1, 3, 3) + numpy.diag(precision), (drawn[:, :3] - precision * (at - middle))[:, :, None]
    )[:, :, 0]
    rate = float(equal.mean())
    # Computed in log-odds, so that no resample leaves the range from 0 to 1.
    moved = ((drawn[:, 12:15] * steps).sum(axis=1) + drawn[:, 15]) / drawn[:, 16] - rate
    ends = percentile_interval(logistic(math.log(rate / (1 - rate)) + moved / (rate * (1 - rate))))
    low, high = ends or (rate, rate)
    return LengthControlled(rate, (min(low, rate), max(high, rate)), float(at[1]))
