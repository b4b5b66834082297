"""A whole pipeline file as frozen models: every key that it may have, and nothing else.

Sections are stages (collect, generate, judge, pair, train, evaluate); `models` and `judges` name the things that stages
use. Fields that change a result enter content keys; fields that change only speed (`Speed` below) do not.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rlaif import override, secret
from rlaif.errors import InputError
from rlaif.shipped import find
from rlaif.yaml_file import YamlFile, did_you_mean, read_yaml, validate


class Section(BaseModel):
    """A part of the file. Inputs are hidden in errors, because a misplaced value may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class Price(Section):
    """What a model's tokens cost, in US dollars per million."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class ModelSection(Section):
    """What every kind of model may say."""

    price: Price | None = None
    """What its tokens cost; where omitted, models of this machine cost none, and genai-prices may know the others."""


class ScriptedModel(ModelSection):
    """Deterministic answers made from digests: for tests and dry runs. Never a judgement of anything."""

    kind: Literal["scripted"]
    salt: str = ""
    """Another salt, another (equally arbitrary) model."""
    malformed: float = Field(0.0, ge=0, le=1)
    """Share of asks answered with text that is no verdict."""
    delay: float = Field(0.0, ge=0)
    """Seconds before each answer."""


class TransformersModel(ModelSection):
    """A checkpoint in this process: small models on CPU, MPS or one GPU."""

    kind: Literal["transformers"]
    path: str
    """A checkpoint folder, a hub name, or `tiny:writer` / `tiny:judge`, which ship with rlaif."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    dtype: Literal["auto", "float32", "float64", "bfloat16", "float16"] = "auto"
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `mps`."""
    batch: int = Field(64, ge=1)
    """Completions computed at once."""
    trust_remote_code: bool = False
    """Run code that the checkpoint brings. Only for checkpoints that you trust as you trust a program."""


class OpenAIModel(ModelSection):
    """Any server that speaks the OpenAI chat API."""

    kind: Literal["openai"]
    model: str
    """The model's name on the server."""
    base_url: str | list[str] | None = None
    """The server, e.g. http://127.0.0.1:8000/v1, or several that serve the same model; the vendor's own where omitted."""
    api_key: str = "env:OPENAI_API_KEY"
    """A reference to the secret, `env:NAME`; never the secret itself."""
    api_version: str | None = None
    """For Azure: its API version; `base_url` is then the resource's address, and `model` the deployment."""
    mode: Literal["live", "batch"] = "live"
    """`batch` sends everything through the Batch API: half the price, answers within a day; `concurrency` and the limits per
    minute are those of `live` requests."""
    concurrency: int = Field(256, ge=1)
    """Requests in flight at most, to all its servers together; fewer while a server says that there are too many."""
    requests_per_minute: int | None = Field(None, ge=1)
    """Where the vendor's limit is known, requests keep below it."""
    tokens_per_minute: int | None = Field(None, ge=1)
    """The same for tokens of prompts and outputs, by estimate before and by the reply's own count after."""
    timeout: float = Field(120.0, gt=0)
    """Seconds for one attempt, all told."""
    attempts: int = Field(6, ge=1)
    """Tries per request, the first included."""
    structured: Literal["json_schema", "json_object", "none"] = "json_schema"
    """How the server is held to the verdict's form."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the bound on output tokens."""

    @model_validator(mode="after")
    def _key_is_a_reference(self) -> "OpenAIModel":
        if not self.api_key.startswith("env:"):
            raise ValueError("api_key must be a reference such as env:OPENAI_API_KEY, so that no secret is stored")
        return self


# Flags of vLLM's server that follow from settings, and that setting; those without one are rlaif's own.
TAKEN: Final = {
    "host": None, "port": None, "uds": None, "served_model_name": None, "api_key": None, "ssl_keyfile": None,
    "root_path": None,
    "model": "path", "revision": "revision", "dtype": "dtype", "tensor_parallel_size": "tensor_parallel",
    "data_parallel_size": "data_parallel", "max_model_len": "max_model_len", "gpu_memory_utilization": "gpu_memory",
}  # fmt: skip


class VllmModel(ModelSection):
    """Open weights on this machine's devices, served by vLLM, which is started and ended for it."""

    kind: Literal["vllm"]
    path: str
    """A checkpoint folder, a hub name, or `tiny:writer` / `tiny:judge`, which ship with rlaif."""
    revision: str | None = None
    """The commit of a hub checkpoint."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    tensor_parallel: int = Field(1, ge=1)
    """GPUs that share one copy of the model."""
    data_parallel: int = Field(1, ge=1)
    """Copies of the model, each on GPUs of its own."""
    max_model_len: int | None = Field(None, ge=1)
    """Tokens of prompt and output together; what the checkpoint says where omitted."""
    gpu_memory: float | None = Field(None, gt=0, le=1)
    """Share of each GPU's memory to take; vLLM's own choice where omitted."""
    options: dict[str, Any] = {}
    """Any other option of `vllm serve`: `max_num_seqs: 64` is its --max-num-seqs 64, `enforce_eager: true` its
    --enforce-eager."""
    concurrency: int = Field(256, ge=1)
    """Requests in flight at most."""
    timeout: float = Field(600.0, gt=0)
    """Seconds for one attempt, all told. A server that completes nothing for as long is started again."""
    attempts: int = Field(6, ge=1)
    """Tries per request, the first included."""
    start_timeout: float = Field(1800.0, gt=0)
    """Seconds until it must be ready, a download included."""
    restarts: int = Field(3, ge=0)
    """How often it is started again in one run, where it ends before its time."""

    @model_validator(mode="after")
    def _options_are_free(self) -> "VllmModel":
        for name in self.options:
            plain = name.replace("-", "_")
            if plain in TAKEN:
                other = TAKEN[plain]
                raise ValueError(f"option {name!r} is " + (f"the setting {other!r}" if other else "set by rlaif itself"))
        return self


ModelConfig = Annotated[ScriptedModel | TransformersModel | OpenAIModel | VllmModel, Field(discriminator="kind")]


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
    """Existing answers: a column of lists, or several columns with one answer each."""
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


class JudgeSpec(Section):
    """A judge: a rubric, and the model that applies it (none, where every criterion is a program)."""

    rubric: str
    model: str | None = None
    template: str = "prompts/judge/scale.jinja"
    calls: Literal["together", "apart"] = "together"
    """All criteria in one call, or one call each."""
    temperature: float = Field(0.0, ge=0)
    max_tokens: int = Field(1024, ge=1)
    repeats: int = Field(1, ge=1)
    """Judgements of each response; their mean counts."""
    logprobs: bool = False
    """Take the expected value over the score token's alternatives."""
    attempts: int = Field(2, ge=1)
    """Tries before a reply that is no verdict counts as a failure."""
    retrieval: str | None = None
    """The model from `models`, of kind openai, whose embeddings find the parts of a document that a claim is checked
    against; where omitted, they are found by their words (BM25). What it costs is not counted."""


class Cascade(Section):
    """When a prompt is left to the next judge. One that was left to it stays with it, and so do its later responses."""

    margin: float = Field(gt=0, le=100)
    """The lead of the best response over the worst (over the second, where pairs are of those), in hundredths of the scale,
    below which a judge has not decided."""


class Judge(Section):
    """Who judges the responses."""

    by: list[str] = []
    """Names from `judges`; all of them where omitted."""
    cascade: Cascade | None = None
    """The judges are asked in this order, each only about what the one before it left open."""


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
    """Least probability that the label is right; above 0, pairs of which it is not known are left out too."""
    filters: Filters = Filters()
    per_prompt: int = Field(1, ge=1)
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


Measured = Literal[
    "accuracy", "longest", "gain", "undecided", "kappa", "alpha", "alpha_points", "spearman", "calibration", "ties", "range",
    "exact_repeat", "repeat_difference", "top_tie", "swap_consistency", "first_shown", "failures", "longer", "listed",
    "own_family", "raised", "change", "broken",
]  # fmt: skip


class Gate(Section):
    """What an audit must find of the judge whose scores make the pairs; short of it, no pair is made.

    Bounds are by measure of `rlaif audit`: shares from 0 to 1, points from 0 to 100. One on `raised` holds for each attack.
    """

    gold: str | None = None
    """The judge that is taken to be right: a name from `judges`, or of one that came with the data or voted."""
    least: dict[Measured, float] = {}
    """Lowest values that will do, such as accuracy: 0.65."""
    most: dict[Measured, float] = {}
    """Highest values that will do, such as failures: 0.02."""


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
    """Answers to imitate, a file of `messages` or of `prompt` and `completion`: for `sft` in place of the chosen answers,
    for `dpo_sft` beside the pairs."""
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
    """What every model is also asked, to see what training made it forget; neither under the `budget` nor in the plan."""
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
    """The folder of everything this pipeline makes; runs/NAME where omitted."""
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


class Config:
    """A pipeline, and the file that it came from: paths in it are found from there."""

    def __init__(self, pipeline: Pipeline, file: YamlFile, overrides: Sequence[str] = ()) -> None:
        self.pipeline, self.file, self.overrides = pipeline, file, tuple(overrides)
        self.out = Path(pipeline.out or f"runs/{pipeline.name}")
        _check_names(pipeline, file)

    @property
    def store_path(self) -> Path:
        return self.out / "store.duckdb"

    @property
    def batches(self) -> Path:
        """Where is written down what was sent to Batch APIs."""
        return self.out / "batches"

    def command(self, verb: str, *arguments: str) -> str:
        """The command line that does `verb` with this very pipeline."""
        sets = [word for override in self.overrides for word in ("--set", override)]
        return shlex.join(["rlaif", verb, str(self.file.path), *arguments, *sets])

    def find(self, name: str, place: tuple[str | int, ...]) -> Path:
        """A file that the pipeline names at `place`: beside it, one folder up, here, or shipped with rlaif."""
        return find(name, self.file.path.parent, where=self.file.where(place))

    @property
    def judges(self) -> list[str]:
        """The judges of the judge stage, the pair stage's first."""
        return self.pipeline.judge.by or list(self.pipeline.judges)


def load(path: Path, overrides: list[str] | None = None) -> Config:
    """The pipeline in a YAML file, after `a.b=value` overrides. Raises InputError that says where and how to fix it."""
    file = read_yaml(path)
    for each in overrides or []:
        override.apply(file.data, each)
    pipeline = validate(Pipeline, file)
    secret.refuse(file)
    return Config(pipeline, file, overrides or ())


def _check_names(pipeline: Pipeline, file: YamlFile) -> None:
    """Every name that points at a model or judge must exist."""
    models: list[tuple[tuple[str | int, ...], str | None]] = []
    if pipeline.generate:
        models.append((("generate", "model"), pipeline.generate.model))
    if pipeline.train:
        models += [(("train", "model"), pipeline.train.model), (("train", "reference"), pipeline.train.reference)]
        models += [(("train", "rewards", place), each.model) for place, each in enumerate(pipeline.train.rewards)]
    models += [(("judges", name, "model"), judge.model) for name, judge in pipeline.judges.items()]
    models += [(("judges", name, "retrieval"), judge.retrieval) for name, judge in pipeline.judges.items()]
    judges = [(("judge", "by", index), name) for index, name in enumerate(pipeline.judge.by)]
    if pipeline.evaluate:
        judges += [(("evaluate", "judges", index), name) for index, name in enumerate(pipeline.evaluate.judges)]
    if pipeline.train:
        rewards = enumerate(pipeline.train.rewards)
        judges += [(("train", "rewards", place), each.judge) for place, each in rewards if each.judge]
    for judge, place in _imported(pipeline):
        if judge in pipeline.judges:
            raise InputError(
                f"{judge!r} came with the data, and is a judge of this file too", where=file.where(place),
                fix="Call one of them otherwise: two judges of one name would be taken for each other.",
            )  # fmt: skip
    for kind, known, named in (("model", pipeline.models, models), ("judge", pipeline.judges, judges)):
        for place, name in named:
            if name is not None and name not in known:
                raise InputError(f"no {kind} is called {name!r}", where=file.where(place), fix=did_you_mean(name, known))


def _imported(pipeline: Pipeline) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """The judges that come with the data, and where the file names them."""
    for number, source in enumerate(pipeline.collect.sources):
        place = ("collect", "sources", number)
        if source.preferences:
            yield source.preferences.judge, (*place, "preferences", "judge")
        for at, scores in enumerate(source.scores):
            yield scores.judge, (*place, "scores", at, "judge")
