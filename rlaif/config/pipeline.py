"""The whole file."""

from pydantic import Field, model_validator

from rlaif.config.base import Section
from rlaif.config.judges import Gate, Judge, JudgeSpec
from rlaif.config.models import ModelConfig
from rlaif.config.pairs import Pair
from rlaif.config.sources import Collect, Generate
from rlaif.config.training import REFERRING, Evaluate, Rounds, Train


class Budget(Section):
    """What this pipeline may spend on models, all its runs together."""

    usd: float | None = Field(None, gt=0)
    """US dollars. Needs a known price of every model."""
    tokens: int | None = Field(None, ge=1)
    """Tokens of prompts and outputs, of all models."""

    @model_validator(mode="after")
    def _some_cap(self) -> "Budget":
        if self.usd is None and self.tokens is None:
            raise ValueError("give `usd`, `tokens` or both")
        return self


class Pipeline(Section):
    """One pipeline file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    out: str | None = None
    """The folder of everything this pipeline makes, from the folder of the file; by default runs/NAME."""
    budget: Budget | None = None
    models: dict[str, ModelConfig] = {}
    judges: dict[str, JudgeSpec] = {}
    collect: Collect
    generate: Generate | None = None
    judge: Judge = Judge()
    gate: Gate | None = None
    pair: Pair | None = None
    train: Train | None = None
    evaluate: Evaluate | None = None
    rounds: Rounds | None = None

    @model_validator(mode="after")
    def _rounds_have_stages(self) -> "Pipeline":
        if self.rounds and not (self.generate and self.pair and self.train):
            raise ValueError("rounds need the sections generate, pair and train")
        if self.rounds and self.train and self.rounds.reference == "fixed" and self.train.method not in REFERRING:
            raise ValueError(f"{self.train.method} has no reference that could be `fixed`")
        return self
