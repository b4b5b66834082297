"""The records that a plan consists of."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.config import Budget
from rlaif.context.spending import Spent
from rlaif.store.store import Row


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


def exactly(value: float) -> Range:
    """Return a range for a known quantity."""
    return Range(value, value, value)


@dataclass(frozen=True, slots=True)
class Asked:
    """How often a model will be called, and with how many prompt tokens in total."""

    asks: float = 0.0
    prompt_tokens: Range = Range()

    def __add__(self, other: "Asked") -> "Asked":
        return Asked(self.asks + other.asks, self.prompt_tokens + other.prompt_tokens)


@dataclass(frozen=True, slots=True)
class Line:
    """One stage's part of a plan.

    `usd` is None if the price is unknown. `price`, `prompts_by` and `outputs_by` are the sources of the numbers.
    """

    stage: str
    model: str
    asks: int
    completions: int
    prompt_tokens: Range
    output_tokens: Range
    usd: Range | None
    price: str
    prompts_by: str
    outputs_by: str


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


@dataclass(frozen=True, slots=True)
class Pending:
    """Responses that are still to be written: their number, their length in tokens, and their prompts.

    `prompts` is a sample of the `prompts_in_all`.
    """

    responses: int = 0
    prompts: Sequence[Row] = ()
    length: Range = Range()
    prompts_in_all: int = 0
