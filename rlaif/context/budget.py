"""Keep a run within the pipeline's budget.

Units pass through `Budget.within` on their way to a model. The next unit starts only if its estimate fits into the budget
beside the stored spending and the open requests, so a run exceeds the cap at most by the estimation error of open requests.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from rlaif.config import Config, ModelConfig
from rlaif.context import pricing
from rlaif.context.pricing import Rate
from rlaif.context.spending import Spent, money
from rlaif.core.errors import BudgetError, InputError
from rlaif.core.progress import Tally

Unit = TypeVar("Unit")

# English text has about four characters per token with common tokenizers; code and other languages have fewer.
CHARACTERS_PER_TOKEN: Final = 4
# Assumed share of `max_tokens` before anything was measured: the limit is usually far above the actual length.
OUTPUT_SHARE: Final = 0.25
# Seconds between checks of the open requests, once the next unit may not fit.
PAUSE: Final = 0.05


def rate(config: Config, model: ModelConfig) -> Rate | None:
    """Return the model's rate. Raises InputError if the cap is in dollars and the rate is unknown."""
    found, cap = pricing.rate(model), config.pipeline.budget
    if found is None and cap and cap.usd is not None:
        raise _unknown(config, next((name for name, known in config.pipeline.models.items() if known is model), model.kind))
    return found


def _unknown(config: Config, name: str) -> InputError:
    return InputError(
        f"a budget in dollars needs the price of {name!r}, which is unknown",
        where=config.file.where(("budget", "usd")),
        fix=f"Give models.{name}.price: {{input: …, output: …}} in dollars per million tokens, or cap `tokens` instead.",
    )


@dataclass(slots=True)
class Meter:
    """One stage's spending in this run: `begun` completions, of which `tally` counts those that are stored.

    The sum that was read from the store contains `settled` of them. `guess` holds the prompt and output tokens of one
    completion, until some are counted.
    """

    tally: Tally
    rate: Rate | None
    begun: int = 0
    settled: int = 0
    guess: tuple[float, float] = (0.0, 0.0)

    @property
    def kept(self) -> int:
        return self.tally.done + self.tally.failed

    def total(self, more: int = 0) -> tuple[float, float]:
        """Return tokens and US dollars of unsettled completions and of `more`: at the mean of stored ones, or guessed."""
        prompt, output = (
            counted / self.kept if counted else guessed
            for counted, guessed in zip((self.tally.prompt_tokens, self.tally.output_tokens), self.guess, strict=True)
        )
        completions = self.begun - self.settled + more
        usd = self.rate.cost(prompt, output) if self.rate else 0.0
        return completions * (prompt + output), completions * usd


@dataclass
class Budget:
    """The cap of one pipeline, its spending, and whether the cap has stopped the run.

    `here` returns the spending that is stored so far, which grows; that `elsewhere` does not change.
    """

    config: Config
    here: Callable[[], Sequence[Spent]]
    elsewhere: Sequence[Spent] = ()
    stopped: bool = False
    _meters: list[Meter] = field(default_factory=list)
    _tokens: float = 0.0
    _usd: float = 0.0
    _means: dict[str, tuple[float, float]] = field(default_factory=dict)

    def within(
        self,
        units: Iterable[Unit] | AsyncIterable[Unit],
        tally: Tally,
        model: ModelConfig | None,
        estimate: Callable[[Unit], tuple[int, float, float]],
        *,
        handed: bool = False,
    ) -> Iterable[Unit] | AsyncIterable[Unit]:
        """Yield the units for as long as they fit. `estimate` gives a unit's completions, prompt and output tokens.

        Units that are `handed` over by another stage while it runs are all taken from it, so that it does not wait.
        Raises InputError for a cap in dollars with an unknown price.
        """
        if self.config.pipeline.budget is None or model is None:
            return units
        meter = next((each for each in self._meters if each.tally is tally), None)
        if meter is None:
            meter = Meter(tally, rate(self.config, model))
            if not self._meters:
                self._settle()
            self._meters.append(meter)
        return self._gate(units, meter, estimate, handed)

    async def _gate(
        self,
        units: Iterable[Unit] | AsyncIterable[Unit],
        meter: Meter,
        estimate: Callable[[Unit], tuple[int, float, float]],
        handed: bool,
    ) -> AsyncIterator[Unit]:
        async for unit in _each(units):
            completions, prompt, output = estimate(unit)
            meter.guess = self._means.get(meter.tally.stage, (prompt / completions, output / completions))
            while not self.stopped and not self._fits(meter, completions):
                await asyncio.sleep(PAUSE)
                # Open requests may have turned out cheaper than estimated. A stage that is handed its units must not wait
                # for the stage that hands them over, which may be waiting for it.
                waited_for = [meter] if handed else self._meters
                if all(each.begun <= each.kept for each in waited_for):
                    self._settle()
                    self.stopped = not self._fits(meter, completions)
            if not self.stopped:
                meter.begun += completions
                yield unit
            elif not handed:
                return

    def _fits(self, meter: Meter, more: int) -> bool:
        cap = self.config.pipeline.budget
        if cap is None:
            return True
        tokens, usd = self._tokens, self._usd
        for each in self._meters:
            used = each.total(more if each is meter else 0)
            tokens, usd = tokens + used[0], usd + used[1]
        return (cap.tokens is None or tokens <= cap.tokens) and (cap.usd is None or usd <= cap.usd)

    def _settle(self) -> None:
        """Read the spending from the store, and the mean cost of a unit of each stage."""
        for meter in self._meters:
            meter.settled = meter.kept
        here = self.here()
        rows = [*here, *self.elsewhere]
        cap = self.config.pipeline.budget
        unknown = [row.model for row in rows if row.usd is None]
        if unknown and cap and cap.usd is not None:
            raise _unknown(self.config, unknown[0])
        self._tokens, self._usd = sum(row.tokens for row in rows), sum(row.usd or 0.0 for row in rows)
        counted = [row for row in here if row.units]
        self._means = {row.stage: (row.prompt_tokens / row.units, row.output_tokens / row.units) for row in counted}

    def beside(self, stage: str, model: ModelConfig) -> Meter | None:
        """Return a meter for a model that is called outside the units of a stage; None without a budget."""
        if self.config.pipeline.budget is None:
            return None
        meter = Meter(Tally(stage), rate(self.config, model))
        if not self._meters:
            self._settle()
        self._meters.append(meter)
        return meter

    def count(self, meter: Meter, replies: int, prompt_tokens: int) -> None:
        """Count stored replies. If they reach the cap, no further unit starts."""
        meter.begun += replies
        meter.tally.add(done=replies, prompt_tokens=prompt_tokens)
        if not self.stopped and not self._fits(meter, 0):
            self._settle()
            self.stopped = not self._fits(meter, 0)

    def check(self) -> None:
        """Raise BudgetError if the cap has stopped this run."""
        if self.stopped:
            raise BudgetError(self._story())

    def _story(self) -> str:
        rows, cap = [*self.here(), *self.elsewhere], self.config.pipeline.budget
        parts = []
        if cap and cap.usd is not None:
            parts.append(f"{money(sum(row.usd or 0 for row in rows))} of {money(cap.usd)}")
        if cap and cap.tokens is not None:
            parts.append(f"{sum(row.tokens for row in rows):,} of {cap.tokens:,} tokens")
        return (
            f"the budget is spent: {' and '.join(parts)}; the next unit would not fit. Everything finished is stored.\n"
            f"Raise `budget` ({self.config.file.where(('budget',))}) and run the same command: it continues from there."
        )


async def _each(units: Iterable[Unit] | AsyncIterable[Unit]) -> AsyncIterator[Unit]:
    if isinstance(units, AsyncIterable):
        async for unit in units:
            yield unit
    else:
        for unit in units:
            yield unit


def tokens_of(*texts: str | None) -> float:
    """Return a rough count of tokens, from the number of characters."""
    return sum(len(text) for text in texts if text) / CHARACTERS_PER_TOKEN
