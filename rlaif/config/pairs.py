"""Section `pair`: how scores become pairs."""

from typing import Literal

from pydantic import Field, model_validator

from rlaif.config.base import Section


class Truncation(Section):
    """Where a trainer cuts responses."""

    tokenizer: str
    """A checkpoint folder or a hub name, of the model to be trained."""
    tokens: int = Field(ge=1)
    """How many tokens of a response it keeps."""


class Contamination(Section):
    """Benchmarks that no pair may hold text of."""

    files: list[str] = Field(min_length=1)
    """JSONL, JSON, CSV, Parquet or text files; every text in them counts."""
    words: int = Field(13, ge=1)
    """So many words in a row, that a benchmark has too, are too many. Shorter texts count where they are a whole request."""


class Filters(Section):
    """What stays out of every pair, each prompt and response with its counted reason."""

    unfinished: Literal["rejected", "never"] = "rejected"
    """Responses that were cut off or refused are never chosen; they may be `rejected`, or `never` be in a pair."""
    min_length: int | None = Field(None, ge=0)
    """Least characters of a response."""
    max_length: int | None = Field(None, ge=1)
    """Most characters of a response."""
    near_duplicates: float | None = Field(None, gt=0, le=1)
    """Of responses to one prompt that share this much of their three-word runs (Jaccard index), only one may be paired."""
    truncation: Truncation | None = None
    """Of responses to one prompt that a trainer would cut to the same tokens, only one may be paired."""
    contamination: Contamination | None = None


# How the scores of several judges become one; a cascade's are never mixed.
Mix = Literal["mean", "median", "majority", "cascade"]


class Pair(Section):
    """How scores become pairs. Nothing here costs a model call."""

    judge: str | list[str] | None = None
    """Whose scores count: a name, or several; the first of `judge.by` where omitted, or all of it in a cascade."""
    mix: Literal["mean", "median", "majority"] = "mean"
    """What several judges come to, by criteria of the same name: their mean; the median of what each puts above or below its
    own mean for the prompt; or a vote each on every two responses, where a pair needs more votes for it than against it."""
    agree: list[str] = []
    """Other judges that were asked too, or came with the data: how many side with the label makes its confidence."""
    strategy: str = "best_vs_worst"
    """One of rlaif's, or a `.sql` file of your own."""
    options: dict[str, int | float | str] = {}
    """The strategy's own options, as the head of its file declares them."""
    min_margin: float = Field(0.0, ge=0, le=100)
    """Least lead of the chosen response, in hundredths of the scale: 20 is 2 points of 10. Ties never make a pair."""
    min_confidence: float = Field(0.0, ge=0, le=1)
    """Least probability that the label is right; above 0, pairs of which it is not known are left out too. At 0, pairs whose
    label is more likely wrong than right are left out: by their votes, or by the judges under `agree`."""
    filters: Filters = Filters()
    # DuckDB draws fewer than a million at once.
    per_prompt: int = Field(1, ge=1, lt=1_000_000)
    """Most pairs a prompt may give, for strategies that can give several."""
    target: int | None = Field(None, ge=1)
    """So many pairs, held-out ones included: `rlaif run` samples more for prompts without one; a surplus is left out."""
    max_samples: int = Field(16, ge=1)
    """Most responses that one prompt may get for the sake of `target`."""
    weights: dict[str, float] = {}
    """Overrides of the rubric's weights, by criterion."""
    seed: int = 0
    """Breaks ties between equals; never length or position."""

    @model_validator(mode="after")
    def _judges_named_once(self) -> "Pair":
        named = [] if self.judge is None or isinstance(self.judge, str) else self.judge
        if len(set(named)) < len(named):
            raise ValueError("a judge is named twice, and would count twice")
        return self
