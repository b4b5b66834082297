"""Sections `train`, `evaluate` and `rounds`."""

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from rlaif.config.base import Section
from rlaif.config.sources import Columns


class Reward(Section):
    """What a sampled answer is worth while `rloo` or `grpo` trains: a judge's score, or a reward model's."""

    judge: str | None = None
    """A judge from `judges`: a model with its rubric, or checks alone, which are verifiable rewards."""
    model: str | None = None
    """A reward model from `models`: a sequence-classification checkpoint, or a server of one."""
    fit: dict[str, Any] | None = None
    """A reward model fitted to the pairs first, from the model to train; these are options for TRL's RewardConfig."""
    weight: float = Field(1.0, gt=0)
    """Several rewards are standardised among a prompt's answers, then added by weight."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Reward":
        if [self.judge, self.model, self.fit].count(None) != 2:
            raise ValueError("give one of `judge`, `model` and `fit`")
        return self


# Methods whose loss compares with a reference model that may be another than the one that training starts from.
REFERRING: Final = ("dpo", "dpo_soft", "dpo_sft", "kto")


class Train(Section):
    """How the generator's model is trained on the pairs."""

    method: Literal["sft", "dpo", "dpo_soft", "dpo_sft", "kto", "orpo", "reward", "rloo", "grpo"] = "dpo"
    model: str | None = None
    """The model to train, from `models`; the generator's where omitted."""
    reference: str | None = None
    """The model that the loss compares with, from `models`; the one that training starts from where omitted."""
    data: str | None = None
    """Responses to imitate, a file (JSONL, JSON, CSV, Parquet) of `messages` or of `prompt` and `completion`: for `sft` in
    place of the chosen responses, for `dpo_sft` beside the pairs. Bad rows are left out, up to `collect.max_bad_rows`."""
    joint: Literal["alternate", "mix"] = "alternate"
    """How `dpo_sft` joins the two: one of them a step, drawn by lot, or both in every step."""
    share: float = Field(0.5, gt=0, lt=1)
    """Of `dpo_sft`: the pairs' share of the steps, or their weight in the loss."""
    rewards: list[Reward] = []
    """For `rloo` and `grpo`, which sample their own answers to the prompts."""
    seed: int = 0
    peft: dict[str, Any] = {}
    """Options for PEFT's LoraConfig, such as r: 16; what it trains is merged into the checkpoint. Empty: all weights."""
    options: dict[str, Any] = {}
    """Passed to TRL's own configuration class of the method, which checks them."""

    @property
    def needs_pairs(self) -> bool:
        """Whether nothing can be learnt without pairs: not where answers are sampled, nor for `sft` on `data` alone."""
        if self.rewards:
            return any(reward.fit is not None for reward in self.rewards)
        return not (self.method == "sft" and self.data)

    @model_validator(mode="after")
    def _method_has_its_own(self) -> "Train":
        if bool(self.rewards) != (self.method in ("rloo", "grpo")):
            raise ValueError("`rewards` are what rloo and grpo need, and no other method")
        if self.data is None and self.method == "dpo_sft":
            raise ValueError("dpo_sft needs `data`, answers to imitate; for chosen ones, dpo has loss_type [sigmoid, sft]")
        if self.data is not None and self.method not in ("sft", "dpo_sft"):
            raise ValueError(f"{self.method} takes no `data`")
        if self.reference is not None and self.method not in REFERRING:
            raise ValueError(f"{self.method} takes no `reference`")
        return self


class Task(Section):
    """Something that a model should still be able to do: requests, and programs that check the answers."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    path: str
    """A file of prompts, as a source of `collect` has them, with a `reference` where the checks need one."""
    columns: Columns = Columns()
    rubric: str
    """A rubric whose criteria are all checks."""


class Evaluate(Section):
    """How the trained model and others are compared with the base, on held-out prompts."""

    models: list[str] = []
    """Names from `models`, or checkpoints of the base's kind, to compare besides the trained model."""
    judges: list[str] = []
    """Names from `judges`; those of `judge.by` where omitted."""
    limit: int | None = Field(None, ge=1)
    """At most so many held-out prompts."""
    samples: int = Field(1, ge=1)
    """Responses per prompt and model, sampled as in `generate`; two or more tell how varied they are within a prompt."""
    tasks: list[Task] = []
    """What every model is also asked, to see what training made it forget."""
    harness: list[str] = []
    """Tasks of lm-evaluation-harness, where that is installed."""

    @model_validator(mode="after")
    def _named_once(self) -> "Evaluate":
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError("two tasks have the same name")
        return self


class Rounds(Section):
    """Generate, judge, pair and train repeatedly, each round from the model of the last; `rounds: 3` is `{most: 3}`."""

    most: int = Field(ge=1)
    """Rounds at most. With an `evaluate` section, one without a gain is the last, and the model before it is kept."""
    reference: Literal["fixed", "moving"] = "moving"
    """What the training's loss compares with: the first round's model always, or the one that each round starts from."""
    prompts: Literal["repeated", "partitioned"] = "repeated"
    """All prompts in every round, or another part of them in each. Held-out ones are the same in all."""
    min_gain: float = 0.0
    """The gain, in hundredths of the scale of the first judge of `evaluate`, that a round must exceed."""

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return {"most": value} if isinstance(value, int) else value
