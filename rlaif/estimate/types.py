"""The records that an estimate consists of."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Final

from rlaif.config import Budget, ModelConfig
from rlaif.context import pricing
from rlaif.context.spending import Spent


@dataclass(frozen=True, slots=True)
class Range:
    """An estimated quantity."""

    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def __mul__(self, factor: float) -> "Range":
        return Range(self.low * factor, self.expected * factor, self.high * factor)


NOTHING: Final = Range()


def exactly(value: float) -> Range:
    """Return a range for a known quantity."""
    return Range(value, value, value)


@dataclass(frozen=True, slots=True)
class Line:
    """One stage's pending work on one model.

    `usd` is None if the price is unknown. `price`, `prompts_by` and `outputs_by` are the sources of the numbers.
    """

    stage: str
    model: str
    requests: int
    completions: int
    prompt_tokens: Range
    output_tokens: Range
    usd: Range | None
    price: str
    prompts_by: str
    outputs_by: str

    def at_most(self, suffix: str = "", times: int = 1) -> "Line":
        """Return this work `times` as a line that is an upper bound: none of it is certain, so its low end is 0."""

        def bound(each: Range) -> Range:
            return Range(0.0, each.expected * times, each.high * times)

        return replace(
            self,
            stage=f"{self.stage.removesuffix(', at most')}{suffix}, at most",
            requests=self.requests * times,
            completions=self.completions * times,
            prompt_tokens=bound(self.prompt_tokens),
            output_tokens=bound(self.output_tokens),
            usd=self.usd and bound(self.usd),
        )


def priced(
    stage: str, name: str, model: ModelConfig, calls: tuple[int, int], prompt: tuple[Range, str], output: tuple[Range, str]
) -> Line:
    """Return a line with its cost at the model's price.

    `calls` are its requests and completions; `prompt` and `output` are totals of tokens, each with the source of the number.
    """
    rate = pricing.rate(model)
    ends = zip(astuple(prompt[0]), astuple(output[0]), strict=True)
    usd = Range(*(rate.cost(*tokens) for tokens in ends)) if rate else None
    source = rate.source if rate else "unknown"
    return Line(stage, name, *calls, prompt[0], output[0], usd, source, prompt[1], output[1])


@dataclass(frozen=True, slots=True)
class Plan:
    """Pending work by stage, the spending so far, and the cap on both together."""

    lines: Sequence[Line]
    spent: Sequence[Spent]
    budget: Budget | None

    @property
    def usd(self) -> Range:
        """The cost of all lines whose price is known."""
        return sum((line.usd for line in self.lines if line.usd), Range())

    @property
    def tokens(self) -> Range:
        return sum((line.prompt_tokens + line.output_tokens for line in self.lines), Range())

    @property
    def unknown(self) -> list[str]:
        """Models without a known price."""
        return sorted({line.model for line in self.lines if line.usd is None})
