"""Adds up what is owed: asks, completions, tokens and dollars, each as low, expected and high.

Prompts are rendered from a sample of what is owed. What is not known before it is written, the length of replies, comes
from what this generator or judge has written so far, else from `max_tokens`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rlaif import prices
from rlaif.budget import OUTPUT_SHARE
from rlaif.config import ModelConfig
from rlaif.context import EVERYTHING, Context, HeldOut
from rlaif.generator import Generator, show
from rlaif.judges.named import Judge
from rlaif.plan import comparing
from rlaif.plan.count import Counter, counter
from rlaif.plan.judging import Judging
from rlaif.plan.lines import Line, Pending, Plan, Range
from rlaif.plan.sample import ENOUGH, SAMPLE, mean, sample
from rlaif.prices import Rate
from rlaif.spent import spent_in_all
from rlaif.stages import generate as generating
from rlaif.store import Row

# Of `max_tokens`, where nothing was measured: low, expected and high.
OUTPUT_SHARES: Final = (0.05, OUTPUT_SHARE, 1.0)
# What the output goes by of a model that writes none.
NOTHING: Final = "nothing"


@dataclass
class Estimate:
    """Adds a line for each stage that is going to ask a model."""

    context: Context
    lines: list[Line] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        config = self.context.config
        return Plan(self.lines, spent_in_all(self.context.store, config), config.pipeline.budget)

    def generate(
        self, generator: Generator, stage: str = "generate", *,
        only: HeldOut = EVERYTHING, key: str | None = None,
    ) -> Pending:  # fmt: skip
        """A line for the responses that a generator owes; one by another `key`, even of none yet, writes like this one."""
        store = self.context.store
        wanted = generating.asked(self.context.config, generator, only, key)
        asks = store.measure("generate/owed", "count(*)", **wanted)
        completions = store.measure("generate/owed", "any_value(owed)", **wanted)
        if not asks:
            return Pending()
        rows = sample(store, "generate/owed", "prompt", "generate/texts", "prompt", **wanted)
        count, prompts_by = counter(generator.model)
        shown = [show(generator.template, json.loads(row["messages"]), row["document"]) for row in rows]
        each = mean([count(messages) for messages in shown])
        factor, prompts_by = self._generate_factor(generator, count, prompts_by)
        # A server that does not give several completions at once is shown the prompt for each.
        again = completions / asks if generator.model.kind == "openai" else 1.0
        prompt = Range(each * factor, each * factor, each * max(factor, again)) * asks
        output, outputs_by = self.output("plan/generated", generator.settings.max_tokens, generator=generator.key)
        self._add(stage, generator.name, generator.model, asks, completions, prompt, output, prompts_by, outputs_by)
        return Pending(completions, rows, output, asks)

    def judge(
        self, judge: Judge, generators: Sequence[str], pending: Sequence[Pending] = (), *,
        only: HeldOut = EVERYTHING, stage: str = "", at_most: bool = False, against: str | None = None,
    ) -> None:  # fmt: skip
        """A line for the judgements that a judge owes on these generators' responses, and on those still `pending`; it
        compares them with those of the generator `against` alone, where there is one.

        `at_most` is for one that may be spared all of them.
        """
        if judge.model is None:
            return
        count, prompts_by = counter(judge.model)
        judging = Judging(self.context.store, judge, generators, only, count, against)
        found = judging.owed() + comparing.owed(judging)
        found = sum((judging.pending(each) + comparing.pending(judging, each) for each in pending), found)
        if found.asks:
            factor, answers = judging.paid_for_each()
            output, outputs_by = Range(), NOTHING
            if not judge.rewards:
                output, outputs_by = self.output("plan/judged", judge.settings.max_tokens, judge=judge.key)
            asks, prompt = round(found.asks), found.prompt_tokens * factor
            if at_most:
                prompt, output = (Range(0.0, each.expected, each.high) for each in (prompt, output))
            self._add(
                stage or f"judge {judge.name}" + at_most * ", at most", judge.settings.model or "", judge.model, asks, asks,
                prompt, output, f"{answers} measured" if answers else prompts_by, outputs_by,
            )  # fmt: skip

    def reward(self, name: str, model: ModelConfig, writer: Generator, pending: Pending) -> None:
        """A line for a reward model that is asked what each of the writer's `pending` responses is worth."""
        count, prompts_by = counter(model)
        shown = [count(show(writer.template, json.loads(row["messages"]), row["document"])) for row in pending.prompts]
        each, asks = mean(shown), pending.responses
        prompt = (Range(each, each, each) + pending.length) * asks
        self._add(f"train: reward {name}", name, model, asks, asks, prompt, Range(), prompts_by, NOTHING)

    def _add(
        self, stage: str, name: str, model: ModelConfig, asks: int, completions: int,
        prompt: Range, output: Range, prompts_by: str, outputs_by: str,
    ) -> None:  # fmt: skip
        rate = prices.rate(model)
        written = output * completions
        price = rate.source if rate else "unknown"
        usd = _cost(rate, prompt, written) if rate else None
        self.lines.append(Line(stage, name, asks, completions, prompt, written, usd, price, prompts_by, outputs_by))

    def output(self, name: str, max_tokens: int, **parameters: Any) -> tuple[Range, str]:
        """Tokens of one reply, and what that goes by."""
        row = self.context.store.query(name, **parameters)[0]
        if row["replies"] >= ENOUGH:
            return Range(row["low"], row["mean"], row["high"]), f"{row['replies']:,} replies"
        low, expected, high = (max_tokens * share for share in OUTPUT_SHARES)
        return Range(low, expected, high), "max_tokens"

    def _generate_factor(self, generator: Generator, count: Counter, by: str) -> tuple[float, str]:
        """How many tokens were paid for each that was counted, over prompts that this generator has answered."""
        rows = self.context.store.query("plan/asked", generator=generator.key, limit=SAMPLE)
        counted = sum(count(json.loads(row["messages"])) for row in rows)
        return _factor(rows, counted, by)


def _factor(rows: Sequence[Row], counted: float, by: str) -> tuple[float, str]:
    paid = sum(row["prompt_tokens"] for row in rows)
    return (paid / counted, f"{len(rows)} measured") if len(rows) >= ENOUGH and paid and counted else (1.0, by)


def _cost(rate: Rate, prompt: Range, output: Range) -> Range:
    return Range(
        rate.cost(prompt.low, output.low),
        rate.cost(prompt.expected, output.expected),
        rate.cost(prompt.high, output.high),
    )
