"""Sections `judges`, `judge` and `gate`: the judges, the judge stage, and the audit results required before pairing."""

from typing import Literal

from pydantic import Field

from rlaif.config.base import Section


class JudgeSpec(Section):
    """A judge: a rubric, and the model that applies it. No model is needed if every criterion is a check (a program)."""

    rubric: str
    """The rubric file."""
    model: str | None = None
    """The judge's model, a name from `models`."""
    template: str = "prompts/judge/scale.jinja"
    """The prompt template of the judge."""
    format: str | None = None
    """The native format of a fine-tuned judge, instead of JSON: `prometheus2`, `rm_r1`, `selene`, `skywork_critic` or
    `yes_no`. It decides the template, unless `template` is given, and how replies are read. Each criterion has its own
    call."""
    calls: Literal["together", "apart"] = "together"
    """`together` scores all criteria in one call; `apart` makes one call per criterion."""
    temperature: float | None = Field(0.0, ge=0)
    """The sampling temperature of the judge; 0 is greedy decoding, and null leaves the choice to the server. If a server
    refuses the default, it is left out."""
    max_tokens: int = Field(1024, ge=1)
    """The maximum number of output tokens per reply."""
    reasoning_tokens: int = Field(0, ge=0)
    """The number of tokens that a reasoning judge may use before its reply, in addition to `max_tokens`. After a reply that
    was cut off, the retry has twice as many."""
    repeats: int = Field(1, ge=1)
    """The number of times each response is judged; the mean score is used."""
    level_order: Literal["rising", "permuted"] = "rising"
    """The order in which the prompt lists a criterion's levels. `permuted` changes it between repeats: the second repeat
    lists them in falling order, later ones in seeded random orders, each followed by its reverse. A judge's preference for
    a place in the list then cancels in the mean (arXiv 2602.02219), and `rlaif audit` measures it."""
    logprobs: bool = False
    """Use the expected value over the alternatives of the score token instead of the sampled score."""
    attempts: int = Field(2, ge=1)
    """The number of attempts, the first included, before an invalid reply is recorded as a failure."""
    retrieval: str | None = None
    """The model from `models`, of kind openai, whose embeddings select the parts of a document that a claim is checked
    against. By default, they are selected by their words (BM25). The cost of embeddings is not counted."""

    @property
    def apart(self) -> bool:
        """Whether each criterion has its own call."""
        return self.calls == "apart" or self.format is not None


class Cascade(Section):
    """When a prompt is escalated to the next judge. An escalated prompt stays with that judge, later responses included."""

    margin: float = Field(gt=0, le=100)
    """The score margin, in hundredths of the scale, below which a judge is undecided and the prompt is escalated. It is the
    margin of the best response over the worst, or over the second best if the strategy pairs those two."""


class Judge(Section):
    """The judges that score the responses."""

    by: list[str] = []
    """Names from `judges`; by default, all of them."""
    cascade: Cascade | None = None
    """Run the judges in the order of `by`; each one scores only the prompts that the previous one left undecided."""


Measured = Literal[
    "accuracy",
    "longest",
    "gain",
    "undecided",
    "kappa",
    "alpha",
    "alpha_points",
    "spearman",
    "calibration",
    "ties",
    "range",
    "exact_repeat",
    "repeat_difference",
    "level_order",
    "top_tie",
    "swap_consistency",
    "first_shown",
    "failures",
    "longer",
    "listed",
    "own_family",
    "raised",
    "change",
    "broken",
]


class Gate(Section):
    """The audit results that the judge whose scores make the pairs must reach; otherwise no pairs are made.

    Bounds refer to the measures of `rlaif audit`: shares from 0 to 1, points from 0 to 100. A bound on `raised` applies to
    each attack.
    """

    gold: str | None = None
    """The judge that serves as the gold standard: a name from `judges`, or a judge whose scores or votes came with the
    data."""
    least: dict[Measured, float] = {}
    """The minimum by measure, such as `accuracy: 0.65`."""
    most: dict[Measured, float] = {}
    """The maximum by measure, such as `failures: 0.02`."""
