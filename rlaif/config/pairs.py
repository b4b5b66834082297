"""Section `pair`: how scores become pairs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rlaif.config.base import Section


class Truncation(Section):
    """The point at which the trainer will truncate responses."""

    tokenizer: str
    """The tokenizer of the model to train: a checkpoint folder or a hub name."""
    tokens: int = Field(ge=1)
    """The number of tokens of a response that the trainer keeps."""


class Contamination(Section):
    """Benchmarks whose text must not occur in any pair."""

    files: list[str] = Field(min_length=1)
    """The benchmark files (JSONL, JSON, CSV, Parquet or text); every text in them counts."""
    words: int = Field(13, ge=1)
    """The number of consecutive words shared with a benchmark that marks a text as contaminated. Shorter benchmark texts
    count only if they equal a whole request."""


class Filters(Section):
    """Filters that keep responses or prompts out of all pairs; each one dropped has a counted reason."""

    unfinished: Literal["rejected", "never"] = "rejected"
    """How to treat responses that were cut off or refused: `rejected` allows them as the rejected side, `never` keeps them
    out of pairs. They are never chosen."""
    min_length: int | None = Field(None, ge=0)
    """The minimum length of a response in characters."""
    max_length: int | None = Field(None, ge=1)
    """The maximum length of a response in characters."""
    near_duplicates: float | None = Field(None, gt=0, le=1)
    """The similarity (Jaccard index of three-word sequences) from which responses to one prompt count as near-duplicates,
    of which only one may be paired."""
    truncation: Truncation | None = None
    """Treat responses to one prompt as duplicates if the trainer would truncate them to the same tokens; only one of them
    may be paired."""
    contamination: Contamination | None = None
    """Drop prompts and responses that share text with benchmarks."""
    where: str | None = Field(None, min_length=1)
    """A SQL condition that a response must meet: on its `generator`, `sample`, `text` and number of `words`, and on its
    prompt's `source` (the name of its file or dataset), `metadata`, `request` and `document`. For example
    `metadata.topic = 'math' AND words < 400`."""


class Quotas(Section):
    """The maximum number of pairs for each part of a mix."""

    by: str
    """What the parts are: `source` (the name of a prompt's file or dataset), or a column of its metadata."""
    pairs: dict[str, Annotated[int, Field(ge=0)]] = Field(min_length=1)
    """The maximum number of pairs by value, held-out ones included. Other values have no maximum."""


# How the scores of several judges are combined; those of a cascade are never mixed.
Mix = Literal["mean", "median", "majority", "cascade"]


class Pair(Section):
    """How scores become pairs. Nothing here costs a model call."""

    judge: str | list[str] | None = None
    """The judge whose scores make the pairs, or a list of judges whose scores are combined by `mix`. The default is the
    first judge of `judge.by`, or all of them in a cascade."""
    mix: Literal["mean", "median", "majority"] = "mean"
    """How the scores of several judges are combined, by criteria of the same name. `mean` averages them. `median` takes the
    median of each judge's deviations from its mean for the prompt. `majority` counts one vote per judge on every two
    responses; a pair needs more votes for it than against it."""
    agree: list[str] = []
    """Additional judges, from `judge.by` or imported with the data, whose agreement with the label gives its confidence."""
    strategy: str = "best_vs_worst"
    """The pairing strategy: one that ships with rlaif, or the path of a `.sql` file."""
    options: dict[str, int | float | str] = {}
    """The strategy's options, as declared in the header of its file."""
    min_margin: float = Field(0.0, ge=0, le=100)
    """The minimum score margin of the chosen response, in hundredths of the scale: 20 is 2 points of 10. Ties never make a
    pair."""
    min_confidence: float = Field(0.0, ge=0, le=1)
    """The minimum probability that the label is right. Above 0, pairs without a known confidence are dropped too. At 0, only
    pairs whose label is more likely wrong than right, by their votes or by the judges under `agree`, are dropped."""
    filters: Filters = Filters()
    """Filters on prompts and responses."""
    # DuckDB draws fewer than a million at once.
    per_prompt: int = Field(1, ge=1, lt=1_000_000)
    """The maximum number of pairs per prompt, for strategies that can make several."""
    target: int | None = Field(None, ge=1)
    """The desired number of pairs, held-out ones included. `rlaif run` samples more responses for prompts without a pair;
    surplus pairs are dropped."""
    quotas: Quotas | None = None
    """The maximum number of pairs for each part of a mix; surplus pairs are dropped at random."""
    max_samples: int = Field(16, ge=1)
    """The maximum number of responses per prompt that `target` may lead to."""
    weights: dict[str, float] = {}
    """Weights by criterion, which override those of the rubric."""
    seed: int = 0
    """The seed that breaks ties between equal candidates; length and position never do."""

    @model_validator(mode="after")
    def _judges_named_once(self) -> "Pair":
        named = [] if self.judge is None or isinstance(self.judge, str) else self.judge
        if len(set(named)) < len(named):
            raise ValueError("a judge is named twice and would count twice")
        return self
