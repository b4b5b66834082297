"""Prompts and rewards for training methods that sample their own responses; judges or reward models give the rewards.

Judgements are stored like any other verdict: they are paid for once, counted with the rest, and reused when a stopped
training resumes.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, Final

from rlaif.config import Reward, Train, TransformersModel
from rlaif.context.metering import MeteredModel
from rlaif.context.run import Context
from rlaif.core import event_loop
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Message, Prompt, buckets, stored
from rlaif.judging import Candidate
from rlaif.judging.judge import Judge
from rlaif.models.base import ChatRequest, Model, Sampling
from rlaif.models.reasoning import separate
from rlaif.models.registry import Models, identity
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.server_info import ObservedModels
from rlaif.pipeline.stages.judge import LiveJudge
from rlaif.training.formats import Row
from rlaif.training.trainer import Score

# One reward per response; None for a failure.
Marks = list[float | None]
# The prompt as the model reads it, and its response.
Shown = tuple[Sequence[Message], Candidate]
Marker = Callable[[list[Shown]], Coroutine[Any, Any, Marks]]
# Lower bound for a divisor: a smaller spread is only rounding.
TINY: Final = 1e-6


class OnlineRewards:
    """The prompts that are not held out, rendered by the generator's template, and the rewards of a `train` section."""

    def __init__(self, plan: Plan, context: Context, section: Train, *, allow_code: bool = False) -> None:
        self._plan, self._context, self._section, self._allow_code = plan, context, section, allow_code
        config = plan.config
        self._judges = {each.judge: plan.judge(each.judge) for each in section.rewards if each.judge}
        for place, each in enumerate(section.rewards):
            if each.judge and (compared := self._judges[each.judge].compared):
                raise InputError(
                    f"judge {each.judge!r} compares responses, so it cannot score a single sampled response: "
                    + ", ".join(criterion.name for criterion in compared.values()),
                    where=config.file.where(("train", "rewards", place, "judge")),
                    fix="Name a judge whose rubric has no criterion of kind `compare`.",
                )
        self._models = {each.model: config.pipeline.models[each.model] for each in section.rewards if each.model}

    @property
    def identity(self) -> list[Any]:
        """Return everything that a reward depends on, except the pairs of a fitted model."""
        return [
            [
                each.weight,
                each.fit,
                self._judges[each.judge].key if each.judge else None,
                identity(self._models[each.model]) if each.model else None,
            ]
            for each in self._section.rewards
        ]

    @cached_property
    def _prompts(self) -> list[Prompt]:
        held_out = buckets(self._context.config.pipeline.collect.held_out)
        return [stored(row) for row in self._context.store.query("pipeline/sql/train/prompts", held_out=held_out)]

    @cached_property
    def rows(self) -> list[Row]:
        """Return each prompt rendered by the generator's template, with its `place` among the prompts."""
        generator = self._plan.policy
        return [{"prompt": generator.render(prompt), "place": place} for place, prompt in enumerate(self._prompts)]

    @contextmanager
    def open(self, fitted: Mapping[int, Path]) -> Iterator[Score]:
        """Yield the function that trainers call for rewards; `fitted` are checkpoints of rewards by place in the section."""
        with asyncio.Runner(loop_factory=event_loop.factory()) as runner:
            models = ObservedModels(self._context)
            runner.run(models.__aenter__())
            try:
                markers = [
                    runner.run(self._marker(models, each, fitted.get(place)))
                    for place, each in enumerate(self._section.rewards)
                ]
                yield self._score(partial(event_loop.within, runner), markers)
            finally:
                runner.run(models.__aexit__(None, None, None))

    def _score(self, run: Callable[[Coroutine[Any, Any, Marks]], Marks], markers: Sequence[Marker]) -> Score:
        def score(prompts: Any, completions: Any, place: list[int], **rest: Any) -> Marks:
            shown = [
                (prompt, Candidate(self._prompts[at], self._text(completion[0]["content"])))
                for prompt, completion, at in zip(prompts, completions, place, strict=True)
            ]
            marks = [run(marker(shown)) for marker in markers]
            for reward, each in zip(self._section.rewards, marks, strict=True):
                _log(rest["log_metric"], reward.judge or reward.model or "fitted", each)
            return total(marks, [reward.weight for reward in self._section.rewards], place)

        return score

    def _text(self, completion: str) -> str:
        """Return the part of a sampled completion that is judged: without reasoning, unless the generator keeps it."""
        return completion if self._plan.policy.settings.reasoning == "keep" else separate(completion).text

    async def _marker(self, models: Models, reward: Reward, fitted: Path | None) -> Marker:
        if reward.judge:
            judge = self._judges[reward.judge]
            live = await LiveJudge.open(self._context, models, judge, allow_code=self._allow_code)
            return lambda shown: _judged(live, judge, [subject for _, subject in shown])
        config = self._models[reward.model] if reward.model else TransformersModel(kind="transformers", path=str(fitted))
        model = await models.get(config, rewards=True)
        if reward.model:
            model = MeteredModel(self._context, model, config, f"train: reward {reward.model}")
        return lambda shown: self._rewarded(model, shown)

    async def _rewarded(self, model: Model, shown: list[Shown]) -> Marks:
        """Return a reward model's scalars; None for a response that it cannot read.

        Raises BudgetError when the budget is spent.
        """
        marks = list(await asyncio.gather(*(_reward(model, *each) for each in shown)))
        self._context.budget.check()
        return marks


async def _judged(live: LiveJudge, judge: Judge, subjects: list[Candidate]) -> Marks:
    scores = await live.score(subjects)
    return [_weighted(judge, scores[subject.answer]) for subject in subjects]


def _log(log: Callable[[str, float], None], name: str, marks: Marks) -> None:
    known = [mark for mark in marks if mark is not None]
    log(f"rewards/{name}", fmean(known) if known else float("nan"))
    log(f"rewards/{name}/failed", 1 - len(known) / len(marks))


def _weighted(judge: Judge, scores: Mapping[str, float]) -> float | None:
    """Return the weighted mean of a response's scores, from 0 to 1; None if a criterion with weight has no score."""
    counted = [criterion for criterion in judge.rubric.criteria if criterion.weight]
    if any(criterion.key not in scores for criterion in counted):
        return None
    shares = [
        criterion.weight * (scores[criterion.key] - criterion.range[0]) / (criterion.range[1] - criterion.range[0])
        for criterion in counted
    ]
    return sum(shares) / sum(criterion.weight for criterion in counted)


async def _reward(model: Model, prompt: Sequence[Message], subject: Candidate) -> float | None:
    chat: list[Message] = [*prompt, {"role": "assistant", "content": subject.text}]
    try:
        reply = (await model.complete(ChatRequest(chat, Sampling(0.0, max_tokens=1))))[0]
    except ModelError as error:
        if error.fatal:
            raise
        return None
    # The reward of a truncated chat is not the response's.
    return None if reply.finish == "prompt_cut" else float(reply.text)


def total(marks: Sequence[Marks], weights: Sequence[float], groups: Sequence[int]) -> Marks:
    """Combine several rewards per response into one; None if one is missing.

    Several rewards are standardised within a prompt's responses before they are added, so that none counts more for its
    wider range (Liu et al. 2026, GDPO). A single reward is left unchanged, because the trainer standardises it.
    """
    if len(marks) > 1:
        marks = [_standardised(each, groups) for each in marks]
    return [_sum(row, weights) for row in zip(*marks, strict=True)]


def _sum(marks: Sequence[float | None], weights: Sequence[float]) -> float | None:
    weighted = [weight * mark for mark, weight in zip(marks, weights, strict=True) if mark is not None]
    return sum(weighted) if len(weighted) == len(marks) else None


def _standardised(marks: Marks, groups: Sequence[int]) -> Marks:
    together: dict[int, list[float]] = {}
    for mark, group in zip(marks, groups, strict=True):
        together.setdefault(group, []).extend([] if mark is None else [mark])
    shape = {group: (fmean(each), pstdev(each)) for group, each in together.items() if each}
    return [
        None if mark is None else (mark - shape[group][0]) / max(shape[group][1], TINY)
        for mark, group in zip(marks, groups, strict=True)
    ]
