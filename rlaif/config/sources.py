"""Sections `collect` and `generate`: which prompts and responses there are."""

from pydantic import Field, model_validator

from rlaif.config.section import Section


class Columns(Section):
    """Which column of the source holds what. Only `prompt` is needed."""

    prompt: str = "prompt"
    """A string, or a list of chat messages, which counts up to its last user turn."""
    document: str | None = None
    """A string, or a list of passages, joined by blank lines; a passage may be a list of lines."""
    reference: str | None = None
    checklist: str | None = None
    """A list of items for criteria of kind checklist, in place of those that the judge would write: each an object with a
    `text` (or `item`) and a `weight`, which is essential, important, optional or pitfall; or a text, which is essential."""
    responses: str | list[str] | None = None
    """Existing answers: a column of lists, or several columns with one answer each. An answer is a string, or a conversation
    of the prompt's turns and the answer; one that answers another conversation is dropped, and counted."""
    metadata: list[str] = []
    """Columns to carry along."""


class SourceScores(Section):
    """Scores that came with the responses."""

    judge: str
    """Who gave them. A human is a judge."""
    criterion: str
    column: str
    """A column of lists of numbers, one a response; null where there is none."""
    low: float
    high: float


class SourcePreferences(Section):
    """Preferences that came with the responses, as codes over pairs of them or as a chosen and a rejected column."""

    judge: str
    """Who gave them. A human is a judge."""
    column: str | None = None
    """A column of lists of codes, one for each entry of `pairs`."""
    pairs: list[tuple[int, int]] = []
    """The pairs that the codes speak of, as positions in `responses`, from 1."""
    first: int | str = 1
    """The code for "the first is better"."""
    second: int | str = 2
    tie: int | str = 0
    chosen: str | None = None
    rejected: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "SourcePreferences":
        if (self.column is None) == (self.chosen is None) or (self.chosen is None) != (self.rejected is None):
            raise ValueError("give either `column` with `pairs`, or `chosen` with `rejected`")
        if self.column is not None and not self.pairs:
            raise ValueError("`column` needs `pairs`, the pairs of responses that its codes speak of")
        if any(min(pair) < 1 or pair[0] == pair[1] for pair in self.pairs):
            raise ValueError("a pair is two different positions in `responses`, counted from 1")
        return self


class Source(Section):
    """Where prompts come from: a file (JSONL, JSON, CSV, Parquet, DuckDB) or a Hugging Face dataset."""

    path: str | None = None
    """A file, found from the pipeline file's folder, the folder above it, or here."""
    table: str | None = None
    """The table of a DuckDB file."""
    dataset: str | None = None
    """A Hugging Face dataset: a folder saved by `datasets`, or a hub name."""
    subset: str | None = None
    split: str = "train"
    revision: str | None = None
    """The commit of a hub dataset. With one, later runs need not load the dataset again to know that it is the same."""
    columns: Columns = Columns()
    scores: list[SourceScores] = []
    preferences: SourcePreferences | None = None
    generator: str = "imported"
    """Who wrote the existing responses."""
    limit: int | None = Field(None, ge=1)
    """The first so many rows."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if (self.path is None) == (self.dataset is None):
            raise ValueError("give either `path` or `dataset`")
        return self


class Collect(Section):
    """Which prompts there are."""

    sources: list[Source] = Field(min_length=1)
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of prompts kept for evaluation, chosen by the prompt's digest."""


class Generate(Section):
    """Which responses are sampled."""

    model: str
    template: str = "prompts/generate/grounded.jinja"
    """How the last user turn is shown with its document."""
    samples: int = Field(4, ge=1)
    """Responses per prompt."""
    temperature: float = Field(1.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int = Field(1024, ge=1)
    seed: int = 0
    logprobs: bool = True
    """Keep each response's summed log-probability, where the model gives it."""
    part: tuple[int, int] | None = None
    """[K, N]: only the K-th of N parts (the first is 0) of the prompts that are not held out, by digest."""
