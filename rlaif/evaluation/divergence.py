"""Estimates how far training moved a model: its KL divergence from the base, on the model's responses."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from rlaif.config import TransformersModel
from rlaif.context.run import HeldOut
from rlaif.core.errors import ModelError
from rlaif.core.statistics import bootstrap, mean
from rlaif.core.workers import run_workers
from rlaif.models.base import Likelihood
from rlaif.models.registry import Models
from rlaif.store.store import Row, Store

# Likelihoods by response key, or failure kinds.
Likelihoods = Mapping[str, Likelihood | str]


@dataclass(frozen=True)
class Divergence:
    """A model's KL divergence to its base on held-out prompts, in nats, by two estimates (Schulman 2020).

    With d = log p(model) - log p(base) of a token, k1 is d and k3 is e^-d - 1 + d, which is never negative and has less
    variance. `k1` and `k3` are means over responses of the sums over tokens, and `interval` is k1's 95 % bootstrap interval
    over prompts; `k1_token` and `k3_token` are means over all `tokens`. Probabilities are at temperature 1. If texts were
    sampled at another temperature or with top_p, the estimates describe that sampling, not the model. k3 estimates the
    divergence of each next token, given the preceding ones. `left_out` counts excluded responses by failure kind.
    """

    model: str
    responses: int
    tokens: int
    k1: float | None
    k3: float | None
    k1_token: float | None
    k3_token: float | None
    interval: tuple[float, float] | None
    left_out: Mapping[str, int]


async def likelihoods(models: Models, config: TransformersModel, rows: Sequence[Row]) -> Likelihoods:
    """Return the log-probabilities of these responses (rows of `undiverged.sql`). After a stop, some are missing."""
    from rlaif.models.local.client import Transformers

    model = await models.get(config)
    assert isinstance(model, Transformers)
    found: dict[str, Likelihood | str] = {}

    async def score(row: Row) -> tuple[str, Likelihood | str]:
        try:
            messages, ended = orjson.loads(row["messages"]), row["finish"] == "stop"
            return row["response"], await model.score(messages, row["text"], ended=ended)
        except ModelError as error:
            return row["response"], error.kind

    await run_workers(rows, score, found.update, concurrency=model.concurrency)
    return found


def compared(own: Likelihoods, reference: Likelihoods, name: str) -> list[Row]:
    """Return rows for the table `divergences`, from log-probabilities of a model and its reference (a generator's key)."""
    return [{"response": response, "reference": name} | _row(own[response], reference[response]) for response in own]


def _row(own: Likelihood | str, reference: Likelihood | str) -> Row:
    if isinstance(own, str):
        return {"failure": own}
    if isinstance(reference, str):
        return {"failure": reference}
    if own.ids != reference.ids:
        return {"failure": "other tokens"}
    leads = [mine - theirs for mine, theirs in zip(own.logprobs, reference.logprobs, strict=True)]
    return {"tokens": len(leads), "k1": math.fsum(leads), "k3": math.fsum(math.exp(-d) - 1 + d for d in leads)}


def read_divergence(store: Store, generator: str, reference: str, *, only: HeldOut) -> Divergence | None:
    """Return the divergence of a generator (key) from a reference; None if nothing was measured."""
    rows = store.query("evaluation/sql/divergences", generator=generator, reference=reference, **only.parameters)
    if not rows:
        return None
    names = store.query("evaluation/sql/names", keys=[generator])
    known = [row for row in rows if row["failure"] is None]
    prompts: dict[str, list[float]] = {}
    for row in known:
        prompts.setdefault(row["prompt"], []).append(row["k1"])
    tokens = sum(row["tokens"] for row in known)
    k1, k3 = ([float(row[name]) for row in known] for name in ("k1", "k3"))
    return Divergence(
        model=names[0]["name"] if names else generator,
        responses=len(known),
        tokens=tokens,
        k1=mean(k1),
        k3=mean(k3),
        k1_token=math.fsum(k1) / tokens if tokens else None,
        k3_token=math.fsum(k3) / tokens if tokens else None,
        interval=bootstrap([math.fsum(each) / len(each) for each in prompts.values()]),
        left_out=dict(sorted(Counter(row["failure"] for row in rows if row["failure"] is not None).items())),
    )
