"""What a win rate would be if both models' answers were equally long, and what length alone would win."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# AlpacaEval's C of 100, when it does not choose one by cross-validation. It keeps the fit finite where one side always
# wins, and moves the win rates of ordinary cases by less than a tenth of a point.
PENALTY = 1 / 100
# Of fewer prompts the two coefficients of the fit say more than the prompts do: intervals go from 0 to 100 %.
LEAST = 10
# Newton's steps double their correct digits; ordinary cases take six.
STEPS, CLOSE = 100, 1e-12


@dataclass(frozen=True)
class LengthControlled:
    """The win rate at equal lengths, its 95 % interval (Wald's, in log-odds), and how much length counts.

    `effect` is what an answer that is much longer than the other gains by that, in log-odds of winning.
    """

    win_rate: float
    interval: tuple[float, float]
    effect: float


def length_controlled(wins: Sequence[float], differences: Sequence[float]) -> LengthControlled | None:
    """AlpacaEval's length-controlled win rate (Dubois et al. 2024, arXiv 2404.04475) of one model against another.

    One win (0, 1, or what lies between) and one difference in characters a prompt. The model is
    logit P(win) = θ + φ·tanh(difference / sd(differences)), fitted by maximum likelihood, and the win rate is logistic(θ).
    Two parts of the published model need data of AlpacaEval's own and are left out: the difficulty of each instruction,
    and the answers of baselines told to be verbose. Its L1 penalty, chosen by cross-validation, is a small L2 one here.

    None below LEAST prompts, and where all differences are the same but not zero: then nothing tells length from quality.
    """
    if len(wins) < LEAST:
        return None
    centre = math.fsum(differences) / len(differences)
    spread = math.sqrt(math.fsum((each - centre) ** 2 for each in differences) / (len(differences) - 1))
    if not spread and centre:
        return None
    lengths = [math.tanh(each / spread) if spread else 0.0 for each in differences]
    skill, effect = fit(wins, lengths)
    error = math.sqrt(_variance(lengths, skill, effect))
    # 1.96 standard errors either way hold 95 % of a normal distribution.
    low, high = logistic(skill - 1.96 * error), logistic(skill + 1.96 * error)
    return LengthControlled(logistic(skill), (low, high), effect)


def logistic(x: float) -> float:
    """1 / (1 + e^-x), also where e^-x overflows."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def fit(wins: Sequence[float], lengths: Sequence[float]) -> tuple[float, float]:
    """The (θ, φ) that maximise Σ win·log p + (1 - win)·log(1 - p) - PENALTY·(θ² + φ²) / 2, p = logistic(θ + φ·length).

    By Newton's method, each step halved until it gains: the function is strictly concave.
    """
    at = (0.0, 0.0)
    best = _gain(wins, lengths, *at)
    for _ in range(STEPS):
        move = _step(wins, lengths, *at)
        while (found := _gain(wins, lengths, at[0] + move[0], at[1] + move[1])) < best and max(map(abs, move)) > CLOSE:
            move = (move[0] / 2, move[1] / 2)
        if max(map(abs, move)) <= CLOSE:
            break
        at, best = (at[0] + move[0], at[1] + move[1]), found
    return at


def _gain(wins: Sequence[float], lengths: Sequence[float], skill: float, effect: float) -> float:
    """The penalised log-likelihood: log p is x - log(1 + e^x), and log(1 - p) is -log(1 + e^x)."""
    odds = (skill + effect * length for length in lengths)
    return math.fsum(win * x - max(x, 0.0) - math.log1p(math.exp(-abs(x))) for win, x in zip(wins, odds, strict=True)) - (
        PENALTY * (skill**2 + effect**2) / 2
    )


def _step(wins: Sequence[float], lengths: Sequence[float], skill: float, effect: float) -> tuple[float, float]:
    """Newton's step: the inverse of the information times the gradient."""
    left = [win - logistic(skill + effect * length) for win, length in zip(wins, lengths, strict=True)]
    up = math.fsum(left) - PENALTY * skill
    across = math.fsum(each * length for each, length in zip(left, lengths, strict=True)) - PENALTY * effect
    a, b, c = _information(lengths, skill, effect)
    whole = a * c - b * b
    return (c * up - b * across) / whole, (a * across - b * up) / whole


def _information(lengths: Sequence[float], skill: float, effect: float) -> tuple[float, float, float]:
    """The negative second derivatives: twice by θ, by both, twice by φ."""
    shares = [logistic(skill + effect * length) for length in lengths]
    weights = [share * (1 - share) for share in shares]
    return (
        math.fsum(weights) + PENALTY,
        math.fsum(weight * length for weight, length in zip(weights, lengths, strict=True)),
        math.fsum(weight * length**2 for weight, length in zip(weights, lengths, strict=True)) + PENALTY,
    )


def _variance(lengths: Sequence[float], skill: float, effect: float) -> float:
    a, b, c = _information(lengths, skill, effect)
    return c / (a * c - b * b)
