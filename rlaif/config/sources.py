"""Section `collect`: where prompts, and responses that came with the data, come from."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rlaif.config.base import Section
from rlaif.config.yaml import did_you_mean
from rlaif.core.errors import InputError

_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


class Columns(Section):
    """The columns of the source. Only `prompt` is required. A dotted path such as completions.response names a field of an
    object, or of every object in a list."""

    prompt: str = "prompt"
    """The prompt: a string, or a list of chat messages, of which everything up to the last user turn is used. A column in
    which every value is a list written as text (JSON or Python), or a transcript (Human: … Assistant: …), is parsed."""
    system: str | None = None
    """A column with a system prompt, which becomes the first turn unless the prompt has one."""
    input: str | None = None
    """A second column of the prompt, such as Alpaca's input, added to the last turn after a blank line."""
    tools: str | None = None
    """The schemas of the tools that the model may call: a list of objects, or JSON text."""
    document: str | None = None
    """The document: a string, or a list of passages, joined by blank lines; a passage may be a list of lines."""
    reference: str | None = None
    """The reference answer, which only judges see."""
    checklist: str | None = None
    """A list of items for criteria of kind checklist, instead of items that the judge writes. An item is an object with a
    `text` (or `item`) and a `weight` (essential, important, optional or pitfall), or a string, which is essential."""
    responses: str | list[str] | None = None
    """Existing responses: a column of lists, or several columns with one response each. A response is a string, or a
    conversation of the prompt's turns and the response; a response to a different conversation is dropped and counted."""
    generators: str | list[str] | None = None
    """The names of the models that wrote the responses: a column of lists, or with one name for all responses of a row; or
    one column for each of `responses` (without `responses`: for `chosen` and `rejected`). A response without a name belongs
    to the source's `generator`."""
    metadata: list[str] = []
    """Additional columns to keep with the prompt: for the report and exports, and for templates (`metadata.NAME`), checks
    (`{column: NAME}`) and `pair.filters.where` that use them."""


class SourceScores(Section):
    """Scores that came with the responses. Several entries of one judge and criterion are repeats; their mean is used."""

    judge: str
    """The name of the judge that gave the scores, which may be a person."""
    criterion: str
    """The criterion that the scores are about."""
    column: str | None = None
    """A column of lists of numbers, one for each response; null means that the response has no score. True is 1 and false
    is 0."""
    chosen: str | None = None
    """Instead of `column`: the column with the score of the chosen response of `preferences`."""
    rejected: str | None = None
    """The column with the score of the rejected response."""
    low: float = Field(allow_inf_nan=False)
    """The lowest possible score. A score outside the range is never used, and its row counts as bad."""
    high: float = Field(allow_inf_nan=False)
    """The highest possible score."""

    @model_validator(mode="after")
    def _one_form(self) -> "SourceScores":
        if (self.column is None) == (self.chosen is None) or (self.chosen is None) != (self.rejected is None):
            raise ValueError("give either `column`, or `chosen` with `rejected`")
        if self.chosen is not None and self.chosen == self.rejected:
            raise ValueError("`chosen` and `rejected` must be different columns")
        return self

    @model_validator(mode="after")
    def _low_is_below_high(self) -> "SourceScores":
        if self.low >= self.high:
            raise ValueError(f"`low` must be below `high`, but {self.low:g} is not below {self.high:g}")
        return self


def code_of(value: Any) -> str:
    """Return a preference code in canonical form: 1, 1.0, "1", "1.0" and true all become "1"."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        value = f"{value:.0f}" if value.is_integer() else repr(value)
    elif isinstance(value, Decimal):
        value = f"{value:f}"
    code = str(value).strip()
    if code.lower() in ("true", "false"):
        return str(int(code.lower() == "true"))
    if _PLAIN_NUMBER.fullmatch(code):
        code = code.rstrip("0").rstrip(".") if "." in code else code
        return "0" if code == "-0" else code
    return code


class SourcePreferences(Section):
    """Preferences of one judge that came with the responses: codes or strengths for pairs of responses, or a chosen and a
    rejected column."""

    judge: str
    """The name of the judge that gave the preferences, which may be a person."""
    column: str | None = None
    """A column of lists of codes (or of numbers on a `scale`), one for each entry of `pairs`."""
    pairs: list[tuple[int, int]] = []
    """The pairs of responses that the codes refer to, as positions in `responses`, counted from 1."""
    first: bool | int | float | str = 1
    """The code for "the first is better". 1, 1.0, "1" and true are the same code."""
    second: bool | int | float | str = 2
    """The code for "the second is better"."""
    tie: bool | int | float | str | None = None
    """The code for a tie. Without it, no code means a tie. Rows with undeclared codes are dropped and counted."""
    scale: tuple[float, float] | None = None
    """The scale of strengths, which replace codes: the number for "the first is much better", then the number for "the
    second is much better", such as [-3, 3] or [1, 2]. The middle is a tie; numbers in between keep their strength."""
    chosen: str | None = None
    """The column of the chosen response."""
    rejected: str | None = None
    """The column of the rejected response."""

    @cached_property
    def meanings(self) -> dict[str, str]:
        """Map each code to its meaning: "first", "second" or "tie"."""
        codes = {"first": self.first, "second": self.second, "tie": self.tie}
        return {code_of(code): name for name, code in codes.items() if code is not None}

    @model_validator(mode="after")
    def _one_form(self) -> "SourcePreferences":
        if (self.column is None) == (self.chosen is None) or (self.chosen is None) != (self.rejected is None):
            raise ValueError("give either `column` with `pairs`, or `chosen` with `rejected`")
        if self.chosen is not None and self.chosen == self.rejected:
            raise ValueError("`chosen` and `rejected` must be different columns")
        if self.column is not None and not self.pairs:
            raise ValueError("`column` needs `pairs`, the pairs of responses that its codes are about")
        if any(min(pair) < 1 or pair[0] == pair[1] for pair in self.pairs):
            raise ValueError("a pair is two different positions in `responses`, counted from 1")
        return self

    @model_validator(mode="after")
    def _codes_differ(self) -> "SourcePreferences":
        coded = self.model_fields_set & {"first", "second", "tie"}
        if self.chosen is not None and (coded or self.scale or self.pairs):
            raise ValueError(
                "`first`, `second`, `tie`, `scale` and `pairs` belong to `column`, not to `chosen` and `rejected`"
            )
        if self.scale is not None:
            if coded:
                raise ValueError("with a `scale` there are no codes: leave out `first`, `second` and `tie`")
            if not all(abs(end) < float("inf") for end in self.scale) or self.scale[0] == self.scale[1]:
                raise ValueError("`scale` needs two different numbers: [first much better, second much better]")
            return self
        given = {name: getattr(self, name) for name in ("first", "second", "tie") if getattr(self, name) is not None}
        if any(not code_of(code) for code in given.values()):
            raise ValueError("a code cannot be empty: a cell without a code counts as missing")
        if len(self.meanings) < len(given):
            same = next(code for code in self.meanings if [code_of(each) for each in given.values()].count(code) > 1)
            names = " and ".join(f"`{name}`" for name, code in given.items() if code_of(code) == same)
            raise ValueError(f'{names} have the same code, {same} (1, 1.0, "1" and true are one code): give each its own')
        return self


def _listed(value: Any) -> Any:
    return [] if value is None else value if isinstance(value, list) else [value]


class Source(Section):
    """A source of prompts: a file (JSONL, JSON, CSV, Parquet, DuckDB) or a Hugging Face dataset."""

    path: str | None = None
    """The source file, searched for in the pipeline file's folder, its parent folder, and the working directory; or a folder
    or a pattern such as data/*.jsonl, whose files are read in the order of their names. Text files may be compressed (.gz,
    .zst)."""
    table: str | None = None
    """The table of a DuckDB file."""
    dataset: str | None = None
    """The Hugging Face dataset: a folder saved by `datasets`, or a hub name."""
    subset: str | None = None
    """The subset (configuration) of the dataset."""
    split: str = "train"
    """The split of the dataset."""
    revision: str | None = None
    """The commit of a hub dataset. If it is given, later runs need not load the dataset again to detect changes."""
    stream: bool = False
    """Read a hub dataset row by row while it is downloaded, for example with a `limit`, instead of downloading it first."""
    layout: str | None = None
    """The layout of a public dataset, such as ultrafeedback, instead of `columns`, `scores` and `preferences`.
    `rlaif collect --guess FILE` finds it."""
    query: str | None = None
    """A file with a SQL query over the table `source` of all rows, instead of `columns`, `scores` and `preferences`. It
    returns the same columns as a layout."""
    where: str | None = None
    """A SQL condition on the source's columns. Only rows for which it is true are read."""
    columns: Columns = Columns()
    """The columns that hold the prompt, the document, the responses and so on."""
    scores: list[SourceScores] = []
    """Scores of the existing responses."""
    preferences: Annotated[
        list[SourcePreferences],
        BeforeValidator(_listed, json_schema_input_type=SourcePreferences | list[SourcePreferences] | None),
    ] = []
    """Preferences between the existing responses: one entry, or a list of entries for several judges or columns."""
    generator: str = "imported"
    """The generator's name under which existing responses are stored, unless the data names the generator of each."""
    reasoning: Literal["separate", "keep"] = "separate"
    """`separate` stores the reasoning in existing responses apart from them, as `generate.reasoning` does for sampled ones;
    `keep` leaves it in them."""
    limit: int | None = Field(None, ge=1)
    """Read only this many rows, starting with the first. It counts the rows that `where` keeps."""
    offset: int = Field(0, ge=0)
    """Skip this many rows first."""

    @property
    def is_shaped(self) -> bool:
        """Return whether SQL maps the rows, instead of the names of columns."""
        return self.layout is not None or self.query is not None

    @property
    def has_responses(self) -> bool:
        """Return whether the source contains responses."""
        return (
            self.is_shaped or self.columns.responses is not None or any(each.chosen is not None for each in self.preferences)
        )

    @model_validator(mode="after")
    def _one_origin(self) -> "Source":
        if (self.path is None) == (self.dataset is None):
            raise ValueError("give either `path` or `dataset`")
        if self.stream and self.dataset is None:
            raise ValueError("`stream` belongs to `dataset`")
        return self

    @model_validator(mode="after")
    def _one_mapping(self) -> "Source":
        given = [name for name in ("layout", "query") if getattr(self, name) is not None]
        named = [name for name in ("columns", "scores", "preferences") if name in self.model_fields_set]
        if len(given) == 2:
            raise ValueError("give either `layout` or `query`")
        if given and named:
            raise ValueError(f"`{given[0]}` already says what the columns mean: leave out `{named[0]}`")
        return self

    @model_validator(mode="after")
    def _facts_are_about_responses(self) -> "Source":
        responses = self.columns.responses
        self._check_generators()
        coded = [each for each in self.preferences if each.column is not None]
        sided = [each for each in self.scores if each.chosen is not None]
        listed = [each for each in self.scores if each.column is not None]
        if sided and sum(each.chosen is not None for each in self.preferences) != 1:
            raise ValueError("scores with `chosen` and `rejected` need one entry of `preferences` with such columns")
        if responses is None and (listed or coded):
            what = "scores" if listed else "preferences"
            raise ValueError(f"{what} need `columns.responses`, the responses that they are about")
        if isinstance(responses, list):
            beyond = [place for each in coded for pair in each.pairs for place in pair if place > len(responses)]
            if beyond:
                raise ValueError(f"`pairs` names response {beyond[0]}, and `columns.responses` has {len(responses)} columns")
        kept = [(each.judge, each.column, each.chosen, each.rejected) for each in self.preferences]
        if len(set(kept)) < len(kept):
            raise ValueError("two entries of `preferences` have the same judge and column, which would count twice")
        marks = [(each.judge, each.criterion, each.column, each.chosen, each.rejected) for each in self.scores]
        if len(set(marks)) < len(marks):
            raise ValueError("two entries of `scores` have the same judge, criterion and column, which would count twice")
        return self

    def _check_generators(self) -> None:
        """Check that `columns.generators` fits the columns of responses."""
        responses, generators = self.columns.responses, self.columns.generators
        if generators is None:
            return
        if not self.has_responses:
            raise ValueError("`columns.generators` needs responses, which `columns.responses` or `preferences` name")
        if not isinstance(generators, list):
            return
        count = 2 if responses is None else len(responses) if isinstance(responses, list) else None
        if len(generators) != count:
            expected = "one column, because `columns.responses` is one" if count is None else f"{count} columns"
            raise ValueError(f"`columns.generators` names {len(generators)} columns instead of {expected}")


class RecordedSource(Source):
    """A file with recorded responses of an evaluated model: a source whose prompts must be those of the other sources."""

    prompt: str | None = None
    response: str | None = None
    id: str | None = None


class Collect(Section):
    """The sources of prompts, and the share that is held out."""

    sources: list[Source] = Field(min_length=1)
    """The sources of prompts."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """The share of prompts that is held out for evaluation, selected by the prompt's digest."""
    max_bad_rows: float = Field(0.01, ge=0, le=1)
    """The maximum share of bad rows in a source. A bad row is dropped because it cannot be read (null content, an image, a
    number instead of text), or has a score out of range. Above the maximum, `collect` stops and lists the reasons. Small
    sources may have up to 3 bad rows nevertheless, but never more bad rows than good ones; 0 allows no bad row at all."""

    def check_metadata(self, names: Iterable[str], where: str) -> None:
        """Check that a source keeps these columns as metadata. A layout or a query may return any. Raises InputError."""
        known = {name for source in self.sources for name in source.columns.metadata}
        for name in sorted(set(names) - known):
            if not any(source.is_shaped for source in self.sources):
                fix = did_you_mean(name, known) or f"Keep it with the prompts: columns: {{metadata: [{name}]}}."
                raise InputError(f"no source has the metadata {name!r}", where=where, fix=fix)
