"""The top level of the pipeline file, and its budget."""

from typing import Literal

from pydantic import Field, model_validator

from rlaif.config.base import Section
from rlaif.config.generate import Generate
from rlaif.config.judges import Gate, Judge, JudgeSpec
from rlaif.config.models import ModelConfig
from rlaif.config.pairs import Pair
from rlaif.config.sources import Collect, RecordedSource
from rlaif.config.training import REFERRING, Evaluate, Rounds, Train


class Budget(Section):
    """The maximum that this pipeline may spend on models, over all its runs."""

    usd: float | None = Field(None, gt=0)
    """The maximum cost in US dollars. The price of every model must be known."""
    tokens: int | None = Field(None, ge=1)
    """The maximum number of prompt and output tokens of all models."""

    @model_validator(mode="after")
    def _some_cap(self) -> "Budget":
        if self.usd is None and self.tokens is None:
            raise ValueError("give `usd`, `tokens` or both")
        return self


class Run(Section):
    """Where the units of `generate` and `judge` are done. Other stages run on this machine."""

    engine: Literal["local", "ray"] = "local"
    """`local` is this process; `ray` is a Ray cluster (`rlaif[ray]`), whose nodes share the folder `out`."""
    address: str = "auto"
    """The address of the Ray cluster; `auto` is the one that runs on this machine, and `local` starts one."""
    workers: int | None = Field(None, ge=1)
    """The number of workers; by default one per node. Each has its part of the budget and of the limits of the models."""


class Pipeline(Section):
    """The top-level keys of a pipeline file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    """The name of the pipeline."""
    out: str | None = None
    """The folder for everything that this pipeline writes, relative to the folder of the file; the default is runs/NAME."""
    budget: Budget | None = None
    """The maximum that all runs together may spend on models."""
    run: Run | None = None
    """Where the units of `generate` and `judge` are done."""
    models: dict[str, ModelConfig] = {}
    """The models, by name."""
    judges: dict[str, JudgeSpec] = {}
    """The judges, by name."""
    collect: Collect
    """Where prompts come from."""
    generate: Generate | None = None
    """How responses are sampled."""
    judge: Judge = Judge()
    """Which judges score the responses."""
    gate: Gate | None = None
    """The audit results that are required before pairs are made."""
    pair: Pair | None = None
    """How scores become pairs."""
    train: Train | None = None
    """How the model is trained on the pairs."""
    evaluate: Evaluate | None = None
    """How the trained model is compared with its base."""
    rounds: Rounds | None = None
    """How often to repeat generating, judging, pairing and training."""

    @model_validator(mode="after")
    def _rounds_have_stages(self) -> "Pipeline":
        if self.rounds and not (self.generate and self.pair and self.train):
            raise ValueError("rounds need the sections generate, pair and train")
        if self.rounds and self.train and self.rounds.reference == "fixed" and self.train.method not in REFERRING:
            raise ValueError(f"{self.train.method} has no reference that could be `fixed`")
        if self.rounds and self.train and self.train.checkpoints:
            raise ValueError("rounds compare the model of each round with its base: leave out `train.checkpoints`")
        if self.rounds and self.run and self.run.engine == "ray":
            raise ValueError("rounds train between their stages, so they run on this machine: leave out `run`")
        self._check_pool()
        return self

    @model_validator(mode="after")
    def _read_recorded_responses(self) -> "Pipeline":
        """Add the files of `evaluate.models` to the sources. Raises ValueError for models that cannot be evaluated."""
        for name, each in (self.evaluate.recorded if self.evaluate else {}).items():
            if each.responses:
                columns = {"prompt": each.prompt, "response": each.response, "id": each.id}
                self.collect.sources.append(RecordedSource(path=each.responses, generator=name, **columns))
        return self

    def _check_pool(self) -> None:
        """Check that one of several generators can be trained and compared with."""
        if self.train and self.evaluate and self.evaluate.base:
            raise ValueError(
                "with a `train` section, the evaluation's base is the model to train: leave out `evaluate.base`"
            )
        if not (self.rounds and self.generate and self.train and self.generate.generators):
            return
        if self.train.model not in [each.model for each in self.generate.pool]:
            raise ValueError("rounds train one generator of the pool: name the model of one of them under `train.model`")
