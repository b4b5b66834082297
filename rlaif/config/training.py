"""Sections `train`, `evaluate` and `rounds`."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from rlaif.config.base import Section
from rlaif.config.sources import Columns


class Reward(Section):
    """A reward of responses that are sampled during training (`rloo`, `grpo`, `online_dpo`): a judge's score, or the output
    of a reward model."""

    judge: str | None = None
    """A judge from `judges`: a model with its rubric, or checks alone, which are verifiable rewards."""
    model: str | None = None
    """A reward model from `models`: a sequence-classification checkpoint, or a server of one."""
    fit: dict[str, Any] | None = None
    """Fit a reward model to the pairs first, starting from the model to train; the value holds options of TRL's
    RewardConfig."""
    weight: float = Field(1.0, gt=0)
    """The weight of this reward. Several rewards are standardised over the responses to each prompt, then added by
    weight."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Reward":
        if [self.judge, self.model, self.fit].count(None) != 2:
            raise ValueError("give one of `judge`, `model` and `fit`")
        return self


# Methods whose loss uses a reference model, which may differ from the model that training starts from.
REFERRING: Final = ("dpo", "dpo_soft", "dpo_sft", "dpo_norm", "ipo", "apo", "kto", "online_dpo")
# Methods that sample responses during training, which their rewards score.
SAMPLING: Final = ("rloo", "grpo", "online_dpo")


class Train(Section):
    """How the model is trained on the pairs."""

    method: Literal[
        "sft",
        "dpo",
        "dpo_soft",
        "dpo_sft",
        "dpo_norm",
        "ipo",
        "apo",
        "kto",
        "orpo",
        "cpo",
        "simpo",
        "reward",
        "rloo",
        "grpo",
        "online_dpo",
    ] = "dpo"
    """The training method."""
    model: str | None = None
    """The model to train, a name from `models`; the default is the generator's. Required with a pool of generators."""
    reference: str | None = None
    """The reference model of the loss, a name from `models`; the default is the model that training starts from."""
    data: str | None = None
    """A file (JSONL, JSON, CSV, Parquet) of responses to imitate, with `messages` or `prompt` and `completion`. `sft` uses
    them instead of the chosen responses, `dpo_sft` in addition to the pairs. Bad rows are dropped, up to the share
    `collect.max_bad_rows`."""
    joint: Literal["alternate", "mix"] = "alternate"
    """How `dpo_sft` combines the two losses: `alternate` draws one of them at random for each step, `mix` adds both in every
    step."""
    share: float = Field(0.5, gt=0, lt=1)
    """The pairs' share of the steps (`alternate`), or their weight in the loss (`mix`), for `dpo_sft`."""
    rewards: list[Reward] = []
    """The rewards, for `rloo`, `grpo` and `online_dpo`, which sample responses to the prompts during training."""
    seed: int = 0
    """The seed of training."""
    checkpoints: int | None = Field(None, ge=2)
    """The number of evenly spaced checkpoints to keep; the last one is the trained model. `evaluate` compares all of them
    with the base, which shows whether training should have stopped earlier."""
    peft: dict[str, Any] = {}
    """Options of PEFT's LoraConfig, such as `r: 16`; the trained adapter is merged into the checkpoint. If empty, all
    weights are trained."""
    options: dict[str, Any] = {}
    """Options of TRL's configuration class for the method, which validates them."""

    @property
    def needs_pairs(self) -> bool:
        """Return whether training needs pairs: methods that sample, and `sft` on `data`, do not."""
        if self.rewards:
            return any(reward.fit is not None for reward in self.rewards)
        return not (self.method == "sft" and self.data)

    @model_validator(mode="after")
    def _method_has_its_own(self) -> "Train":
        if bool(self.rewards) != (self.method in SAMPLING):
            raise ValueError(f"`rewards` are required by {', '.join(SAMPLING)}, and not used by other methods")
        if self.data is None and self.method == "dpo_sft":
            raise ValueError(
                "dpo_sft needs `data`, responses to imitate; for chosen ones, use dpo, loss_type [sigmoid, sft]"
            )
        if self.data is not None and self.method not in ("sft", "dpo_sft"):
            raise ValueError(f"{self.method} takes no `data`")
        if self.reference is not None and self.method not in REFERRING:
            raise ValueError(f"{self.method} takes no `reference`")
        if self.checkpoints and self.method == "reward":
            raise ValueError("a reward model writes no responses that could be compared: leave out `checkpoints`")
        return self


class Task(Section):
    """A task that a model should still be able to do after training: prompts, and programs that check the responses."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    """The name of the task."""
    path: str
    """A file of prompts in the format of `collect.sources`, with a `reference` if the checks need one."""
    columns: Columns = Columns()
    """The columns of the file."""
    rubric: str
    """A rubric whose criteria are all checks."""


class Recorded(Section):
    """A model whose responses are in a file or came with the sources, and which is never called."""

    responses: str | None = None
    """A file (JSONL, JSON, CSV, Parquet) with a response to each prompt, such as AlpacaEval's model outputs or the model
    answers of MT-Bench and Arena-Hard; the first turn counts. Without it, the responses are those of `collect.sources`."""
    prompt: str | None = None
    """The column of the prompt, which must be a prompt of `collect.sources`; the default is the first usual name."""
    response: str | None = None
    """The column of the response; the default is the first usual name, such as `output` or `choices`."""
    id: str | None = None
    """The column that identifies the prompt, instead of its text. `collect.sources` must keep a column of this name as
    metadata."""

    @model_validator(mode="after")
    def _columns_of_a_file(self) -> "Recorded":
        if self.responses is None and (self.prompt or self.response or self.id):
            raise ValueError("`prompt`, `response` and `id` are columns of a file: name it under `responses`")
        if self.prompt and self.id:
            raise ValueError("give `prompt` or `id`, not both")
        return self


class Evaluate(Section):
    """How the trained model and others are compared with the base, on held-out prompts."""

    base: str | None = None
    """The model to compare `models` with if nothing is trained, a name from the file's `models`; the default is the
    generator's. Required with a pool of generators. Without a `generate` section, a model with recorded responses."""

    models: Annotated[
        Annotated[list[str], Tag("list")] | Annotated[dict[str, Recorded | None], Tag("mapping")],
        Discriminator(lambda value: "mapping" if isinstance(value, dict) else "list"),
    ] = []
    """Additional models to compare: names from `models`, or checkpoints of the base's kind. A mapping gives models with
    recorded responses: `{name: {responses: FILE}}`. Without a `generate` section, all models are recorded ones."""
    judges: list[str] = []
    """The judges of the evaluation, names from `judges`, or of judges whose scores or preferences came with the sources; the
    default is `judge.by`."""
    limit: int | None = Field(None, ge=1)
    """The maximum number of held-out prompts to use."""
    samples: int = Field(1, ge=1)
    """The number of responses per prompt and model, sampled as in `generate`. Two or more are needed to measure diversity
    within a prompt."""
    tasks: list[Task] = []
    """Additional tasks for every model, which show what training made it forget."""
    harness: list[str] = []
    """Tasks of lm-evaluation-harness, which must be installed."""

    @property
    def recorded(self) -> dict[str, Recorded]:
        """Return the models with recorded responses by name."""
        return {name: each for name, each in self.models.items() if each} if isinstance(self.models, dict) else {}

    @model_validator(mode="after")
    def _named_once(self) -> "Evaluate":
        names = [task.name for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError("two tasks have the same name")
        return self


class Rounds(Section):
    """Repeated rounds of generating, judging, pairing and training, each starting from the previous round's model.
    `rounds: 3` is short for `{most: 3}`."""

    most: int = Field(ge=1)
    """The maximum number of rounds. With an `evaluate` section, the first round without a gain is the last one, and the
    model before it is kept."""
    reference: Literal["fixed", "moving"] = "moving"
    """The reference model of the loss: `fixed` is the base of the first round, `moving` the model that each round starts
    from."""
    prompts: Literal["repeated", "partitioned"] = "repeated"
    """`repeated` uses all prompts in every round, `partitioned` a different part in each. Held-out prompts are the same in
    all rounds."""
    min_gain: float = 0.0
    """The gain that a round must exceed, in hundredths of the scale of the first judge of `evaluate`."""

    @model_validator(mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return {"most": value} if isinstance(value, int) else value
