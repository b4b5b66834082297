"""Add up pending work: calls, completions, tokens and dollars, each as low, expected and high.

An estimate is the number of pending units, times their mean tokens, times the price. Means are measured on the past work of
this generator or judge; before that, prompts are counted from their text and replies are guessed from `max_tokens`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rlaif.config import ModelConfig
from rlaif.context import pricing
from rlaif.context.budget import OUTPUT_SHARE
from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.context.spending import spent_in_all
from rlaif.core.types import stored
from rlaif.estimate.judging import Judging
from rlaif.estimate.sample import ENOUGH, SAMPLE, mean, sample
from rlaif.estimate.token_counts import counter
from rlaif.estimate.types import Line, Pending, Plan, Range, exactly
from rlaif.judging.judge import Judge
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.stages import generate as generating
from rlaif.store.store import Row

# The length of a reply as a share of `max_tokens` before any was measured: low, expected and high.
OUTPUT_SHARES: Final = (0.05, OUTPUT_SHARE, 1.0)
# A reward model writes no text.
NOTHING: Final = "nothing"


@dataclass
class Estimate:
    """Collects a line for each stage that will call a model."""

    context: Context
    lines: list[Line] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        config = self.context.config
        return Plan(self.lines, spent_in_all(self.context.store, config), config.pipeline.budget)

    def generate(
        self, generator: Generator, stage: str = "generate", *, only: HeldOut = EVERYTHING, key: str | None = None
    ) -> Pending:
        """Add a line for the pending responses of a generator.

        With another `key`, such as that of a model that is not trained yet, all of them are pending.
        """
        store = self.context.store
        wanted = generating.pending_parameters(self.context.config, generator, only, key)
        asks = store.measure("pipeline/sql/generate/pending", "count(*)", **wanted)
        completions = store.measure("pipeline/sql/generate/pending", "any_value(pending)", **wanted)
        if not asks:
            return Pending()
        rows = sample(store, "pipeline/sql/generate/pending", "prompt", "pipeline/sql/generate/texts", "prompt", **wanted)
        count, prompts_by = counter(generator.model)
        each = mean(count(generator.render(stored(row))) for row in rows)
        # Prompts that this generator has answered, as rendered: the ratio of tokens paid to tokens counted here.
        answered = store.query("estimate/sql/past_requests", generator=generator.key, limit=SAMPLE)
        counted = sum(count(json.loads(row["messages"])) for row in answered)
        factor = sum(row["prompt_tokens"] for row in answered) / counted if len(answered) >= ENOUGH and counted else 1.0
        if len(answered) >= ENOUGH:
            prompts_by = f"{len(answered)} measured"
        # A server that does not return several completions per request gets the prompt once for each.
        again = completions / asks if generator.model.kind in ("openai", "anthropic") else 1.0
        prompt = Range(each * factor, each * factor, each * max(factor, again)) * asks
        output, outputs_by = self.output("estimate/sql/generated", generator.settings.max_tokens, generator=generator.key)
        self._add(stage, generator.name, generator.model, (asks, completions), prompt, output, prompts_by, outputs_by)
        return Pending(completions, rows, output, asks)

    def judge(
        self,
        judge: Judge,
        generators: Sequence[str],
        pending: Sequence[Pending] = (),
        *,
        only: HeldOut = EVERYTHING,
        stage: str = "",
        at_most: bool = False,
        against: str | None = None,
    ) -> None:
        """Add a line for a judge's requests about these generators' responses, and about those still `pending`.

        Args:
            judge: a judge without a model costs nothing and gets no line.
            generators: keys.
            pending: responses that are still to be written.
            only: the prompts and samples that are judged.
            stage: the name of the line.
            at_most: none of the requests is certain, so the low end is 0.
            against: the generator (key) whose responses are compared with the others'.
        """
        if judge.model is None:
            return
        count, prompts_by = counter(judge.model)
        judging = Judging(self.context.store, judge, generators, only, count, against)
        found = judging.pending(pending)
        if not found.asks:
            return
        factor, verdicts = judging.factor()
        output, outputs_by = Range(), NOTHING
        if not judge.rewards:
            output, outputs_by = self.output("estimate/sql/judged", judge.settings.max_tokens, judge=judge.key)
        asks, prompt = round(found.asks), found.prompt_tokens * factor
        if at_most:
            prompt, output = (Range(0.0, each.expected, each.high) for each in (prompt, output))
        name, by = stage or f"judge {judge.name}" + at_most * ", at most", f"{verdicts} measured" if verdicts else prompts_by
        self._add(name, judge.settings.model or "", judge.model, (asks, asks), prompt, output, by, outputs_by)

    def reward(self, name: str, model: ModelConfig, writer: Generator, pending: Pending) -> None:
        """Add a line for a reward model that scores each of the writer's `pending` responses."""
        count, prompts_by = counter(model)
        each = mean(count(writer.render(stored(row))) for row in pending.prompts)
        asks = pending.responses
        prompt = (exactly(each) + pending.length) * asks
        self._add(f"train: reward {name}", name, model, (asks, asks), prompt, Range(), prompts_by, NOTHING)

    def output(self, name: str, max_tokens: int, **parameters: Any) -> tuple[Range, str]:
        """Return the tokens of one reply, and the source of that number."""
        row: Row = self.context.store.query(name, **parameters)[0]
        if row["replies"] >= ENOUGH:
            return Range(row["low"], row["mean"], row["high"]), f"{row['replies']:,} replies"
        return Range(*(max_tokens * share for share in OUTPUT_SHARES)), "max_tokens"

    def _add(
        self, stage: str, name: str, model: ModelConfig, calls: tuple[int, int], prompt: Range, each: Range, *by: str
    ) -> None:
        """Add a line; `calls` are (requests, completions), `prompt` all prompt tokens, `each` one completion's tokens."""
        rate, output = pricing.rate(model), each * calls[1]
        ends = ((getattr(prompt, end), getattr(output, end)) for end in ("low", "expected", "high"))
        usd = Range(*(rate.cost(*tokens) for tokens in ends)) if rate else None
        self.lines.append(Line(stage, name, *calls, prompt, output, usd, rate.source if rate else "unknown", *by))
