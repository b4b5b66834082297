"""The Python API: a pipeline as an object, with its stages, its data as tables, and your own functions.

    import rlaif

    p = rlaif.open("notes.yaml", generate={"samples": 4})
    p.run()
    p.pairs().df()

Everything that works on the command line works on the same store, at the same time. `import rlaif` loads this module only
when one of its names is used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from rlaif.config import Config
from rlaif.config.loader import config_of
from rlaif.config.python import PythonFile, as_overrides, plain
from rlaif.config.yaml import YamlFile, read_yaml
from rlaif.core import event_loop, functions
from rlaif.core.errors import InputError

if TYPE_CHECKING:
    from datasets import DatasetDict
    from duckdb import DuckDBPyRelation

    from rlaif.context.run import Context
    from rlaif.data.export.writers import Exported
    from rlaif.estimate import Plan as Estimate
    from rlaif.evaluation import Agreement, Evaluation
    from rlaif.evaluation.audit import Audit
    from rlaif.pairs.pairing import Pairing
    from rlaif.pipeline.pairs_diff import Difference
    from rlaif.pipeline.plan import Plan
    from rlaif.report.explain import PromptHistory
    from rlaif.store.store import Store
    from rlaif.training.job import Training

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Result:
    """What `Pipeline.run` made. `pairing` is None if the pipeline makes no pairs."""

    pairing: "Pairing | None"
    evaluation: "Evaluation"
    report: Path


def open(path: str | Path, *, quiet: bool = False, allow_code: bool = False, **overrides: Any) -> "Pipeline":
    """Open a pipeline file.

    Args:
        path: the YAML file.
        quiet: show no progress.
        allow_code: whether code that the file names may run, as `--allow-code` on the command line.
        overrides: sections of the file with the keys to change: `pair={"min_margin": 20}` changes only that key.

    Raises InputError if the file is not valid.
    """
    return Pipeline(path, overrides=overrides, quiet=quiet, allow_code=allow_code)


class Pipeline:
    """A pipeline and its store.

    The methods that work on the store can be called in scripts and in notebooks, where they run the event loop in a thread.
    Those that read work during a run, also one by another process, and see everything that is stored at that time.
    """

    def __init__(
        self,
        sections: str | Path | Mapping[str, Any],
        *,
        folder: str | Path = ".",
        overrides: Mapping[str, Any] | None = None,
        quiet: bool = False,
        allow_code: bool = False,
    ) -> None:
        """Open a pipeline.

        Args:
            sections: the content of a pipeline file as a mapping, whose sections may be objects of `rlaif.config`; or the
                path of a file.
            folder: the folder that paths in a mapping are relative to.
            overrides: sections with the keys to change.
            quiet: show no progress.
            allow_code: whether code that the pipeline names, other than registered functions, may run.

        Raises InputError if the pipeline is not valid.
        """
        self._sections, self._folder = sections, Path(folder)
        self._changes = [*as_overrides(overrides or {})]
        self._quiet, self._allow_code = quiet, allow_code
        self._copy: tuple[object, Store] | None = None
        self.config = self._config(())

    def _config(self, changes: Sequence[str], *, reading: bool = False) -> Config:
        # Commands that read open and train no model, so no code of the pipeline can run.
        return config_of(self._file(), [*self._changes, *changes], allow_code=self._allow_code or reading)

    def _file(self) -> YamlFile:
        if isinstance(self._sections, str | Path):
            return read_yaml(Path(self._sections))
        data = plain(self._sections)
        return PythonFile(self._folder / f"{data.get('name', 'pipeline')}.yaml", data, {})

    def __repr__(self) -> str:
        return f"<rlaif.Pipeline {self.config.pipeline.name!r} in {self.config.out}>"

    @contextmanager
    def _writing(self) -> "Iterator[tuple[Plan, Context]]":
        from rlaif.core.progress import progress
        from rlaif.pipeline import open_run

        with open_run(self.config, progress(quiet=self._quiet)) as opened:
            yield opened

    @contextmanager
    def _copied(self, changes: Sequence[str] = ()) -> "Iterator[tuple[Plan, Context]]":
        from rlaif.pipeline import open_copy

        with open_copy(self._config(changes, reading=True)) as opened:
            yield opened

    # Stages

    def plan(self) -> "Estimate":
        """Return the pending work and what it will cost. Collects the prompts; no model is called."""
        from rlaif.core.progress import progress
        from rlaif.estimate import plan
        from rlaif.pipeline import open_run_or_copy

        with open_run_or_copy(self.config, progress(quiet=self._quiet)) as (resolved, context):
            return plan(resolved, context)

    def run(self) -> Result:
        """Run every stage; finished work is skipped. Raises InputError or another RlaifError, as each stage does."""
        from rlaif.pipeline import check, everything

        with self._writing() as (plan, context):
            check(plan)
            return Result(*everything(plan, context, allow_code=self._allow_code))

    async def arun(self) -> Result:
        """Do the same without blocking the event loop: the run has its own loop in a thread.

        If the task is cancelled, the run stops; what it has finished is stored.
        """
        return await event_loop.in_thread(self.run)

    def collect(self) -> None:
        """Read prompts, documents and existing responses into the store."""
        from rlaif.pipeline import collect

        with self._writing() as (_, context):
            collect(context)

    def generate(self) -> None:
        """Sample the pending responses."""
        from rlaif.pipeline import generate

        with self._writing() as (plan, context):
            generate(plan, context)

    def judge(self, *judges: str) -> None:
        """Compute the pending scores of these judges, or of all."""
        from rlaif.pipeline import judge

        with self._writing() as (plan, context):
            judge(plan, context, judges, allow_code=self._allow_code)

    def pair(self) -> "Pairing":
        """Make pairs from the stored scores, and store and export them. No model is called."""
        from rlaif.pipeline import pair

        with self._writing() as (plan, context):
            return pair(plan, context)

    def train(self) -> "Training":
        """Train the generator's model on the pairs, or on rewards. The result's `path` is the checkpoint."""
        from rlaif.pipeline import train

        with self._writing() as (plan, context):
            return train(plan, context, allow_code=self._allow_code)

    def evaluate(self) -> "Evaluation":
        """Compare the trained model with its base on held-out prompts."""
        from rlaif.pipeline import evaluate, need_models

        with self._writing() as (plan, context):
            need_models(plan, context)
            return evaluate(plan, context, allow_code=self._allow_code)

    def audit(
        self, *judges: str, gold: str | None = None, limit: int | None = None, attacks: int = 20, stored: bool = False
    ) -> "Audit":
        """Measure these judges, or all: accuracy, consistency, resistance to attacks.

        Args:
            judges: names of judges.
            gold: the judge, or the person as `human:NAME`, to use as the gold standard.
            limit: use only the first prompts, as many as this.
            attacks: the number of responses to alter with each attack.
            stored: call no model, and measure the stored scores only.
        """
        from rlaif.core.progress import progress
        from rlaif.pipeline import open_run, open_run_or_copy
        from rlaif.pipeline.stages.audit import audit

        opening = open_run_or_copy if stored else open_run
        with opening(self.config, progress(quiet=self._quiet)) as (plan, context):
            return audit(
                plan, context, judges, gold, limit=limit, attacks=attacks, stored=stored, allow_code=self._allow_code
            )

    # Data

    def _store(self) -> "Store":
        """Return a read-only store as it is now: the last one if nothing was committed since."""
        from rlaif.pipeline import need_store
        from rlaif.store.snapshot import state
        from rlaif.store.store import Store

        need_store(self.config)
        now = state(self.config.store_path)
        if self._copy is None or self._copy[0] != now:
            # Not closed: tables that were returned may still be read. It closes itself after them.
            self._copy = now, Store(self.config.store_path, read_only=True)
        return self._copy[1]

    def sql(self, query: str) -> "DuckDBPyRelation":
        """Return the result of a SQL query over the tables and views of the store. Raises InputError."""
        from rlaif.report.sql import relation

        return relation(self._store(), query)

    def prompts(self) -> "DuckDBPyRelation":
        """Return the prompts in use, one row each: the view `prompts_readable`.

        Like every relation of DuckDB, the result has `.df()`, `.pl()`, `.arrow()`, `.filter(…)`, `.order(…)` and so on.
        """
        return self._store().relation("FROM prompts_readable")

    def responses(self) -> "DuckDBPyRelation":
        """Return the responses by the current generators, one row each: the view `responses_readable`."""
        return self._store().relation("FROM responses_readable")

    def scores(self, judge: str | None = None) -> "DuckDBPyRelation":
        """Return the current scores, one row per response, judge and criterion: the view `responses_scored`."""
        from rlaif.store.confined import quoted

        return self._store().relation("FROM responses_scored" + (f" WHERE judge = {quoted(judge)}" if judge else ""))

    def pairs(self, judge: str | Sequence[str] | None = None, **settings: Any) -> "DuckDBPyRelation":
        """Return the pairs that the pipeline describes, one row each: columns of the view `pairs_readable`.

        Args:
            judge: the judge whose scores make the pairs, or several.
            settings: other keys of the section `pair`, such as `min_margin=20` or `strategy="best_vs_random"`.

        Pairs that are not stored yet are made in a copy of the store; nothing is stored and no model is called.
        """
        import duckdb

        from rlaif.pipeline import ensure_pairing

        changes = settings if judge is None else {"judge": judge, **settings}
        with self._copied(as_overrides({"pair": changes}) if changes else ()) as (plan, context):
            pairing = ensure_pairing(plan, context)
            table = context.store.table(f"FROM pairs_readable WHERE pairing = '{pairing}'")
        return duckdb.connect().from_arrow(table)

    def dataset(self, form: str = "preference", *, reasoning: bool = False) -> "DatasetDict":
        """Return the pairs as a `datasets.DatasetDict` with the splits `train` and `test`, as `export` writes them.

        `form` is preference, unpaired, reward, soft, sft or ranked. Raises InputError, also if `datasets` is missing.
        """
        from rlaif.data.export import tables
        from rlaif.pipeline import ensure_pairing

        try:
            from datasets import Dataset, DatasetDict
        except ModuleNotFoundError:
            raise InputError("`datasets` is not installed", where="dataset", fix="pip install datasets") from None
        held_out = self.config.pipeline.collect.held_out
        with self._copied() as (plan, context):
            pairing = ensure_pairing(plan, context)
            found = tables(context.store, pairing, held_out=held_out, form=form, reasoning=reasoning)
        return DatasetDict({split: Dataset(table) for split, table in found.items()})

    def export(self, folder: str | Path, form: str = "preference", formats: Sequence[str] = ("parquet",)) -> "Exported":
        """Write the pairs to `folder/FORM`, as `rlaif export`; `formats` are jsonl, parquet and datasets."""
        from rlaif.pipeline import export

        with self._copied() as (plan, context):
            return export(plan, context, Path(folder), formats, form)

    # Insight

    def status(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the store holds, and what each stage did and cost, as lists of rows."""
        from rlaif.pipeline import status

        return status(self.config, self._store())

    def explain(self, id: str) -> "PromptHistory":
        """Return all that happened to a prompt; notebooks show it as text with tables.

        `id` is a prompt's or response's id, or the start of one. Raises InputError if none or several match.
        """
        from rlaif.pipeline import resolve
        from rlaif.report.explain import explain

        return explain(self._store(), id, resolve(self.config).known_judge_keys())

    def diff(self, a: Mapping[str, Any] = {}, b: Mapping[str, Any] = {}, *, examples: int = 2) -> "Difference":
        """Return what changes between the pairs of two variants, given as overrides. No model is called.

        For example `p.diff(b={"pair": {"judge": "strict"}})`: the pairs by another judge, against those of the pipeline.
        """
        from rlaif.pipeline.pairs_diff import compare

        with self._copied() as (_, context):
            return compare(context, as_overrides(a), as_overrides(b), examples=examples)

    def agree(self, first: str, second: str) -> "Agreement":
        """Compare two judges on responses that both have scored. No model is called."""
        from rlaif.pipeline import agreement_between

        with self._copied() as (plan, context):
            return agreement_between(plan, context, first, second)

    def report(self) -> Path:
        """Write the HTML report and return its path. No model is called."""
        from rlaif.pipeline import evaluate, open_reading, report, resolve

        with open_reading(self.config) as context:
            plan = resolve(self.config)
            return report(plan, context, evaluate(plan, context, stored=True))

    def save(self, path: str | Path) -> Path:
        """Write the pipeline, with its overrides, as a file for the command line. Return its path."""
        import yaml

        data = self.config.pipeline.model_dump(mode="json", exclude_unset=True)
        Path(path).write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return Path(path)


# Your own functions


@overload
def check(function: F, /) -> F: ...
@overload
def check(*, low: float = ..., high: float = ..., version: str | None = ...) -> Callable[[F], F]: ...
def check(
    function: F | None = None, /, *, low: float = 0.0, high: float = 1.0, version: str | None = None
) -> F | Callable[[F], F]:
    """Register a function that scores a response: `function(prompt, response) -> value`, from `low` to `high`.

    It may return a pair of value and rationale, and it may be `async`. Use it as a judge (`judges={"NAME": function}`) or in
    a rubric (`kind: check, function: python:NAME`). Its scores are computed again when its source or `version` changes.
    """
    return _registering("check", function, low=low, high=high, version=version)


judge = check


@overload
def source(function: F, /) -> F: ...
@overload
def source(*, version: str | None = ...) -> Callable[[F], F]: ...
def source(function: F | None = None, /, *, version: str | None = None) -> F | Callable[[F], F]:
    """Register a function that returns rows, as dictionaries: `collect={"sources": [function]}`.

    It is called by every run, unless a `version` is given that has not changed.
    """
    return _registering("source", function, version=version)


@overload
def strategy(function: F, /) -> F: ...
@overload
def strategy(*, version: str | None = ...) -> Callable[[F], F]: ...
def strategy(function: F | None = None, /, *, version: str | None = None) -> F | Callable[[F], F]:
    """Register a function that chooses pairs: `pair={"strategy": function}`.

    It gets the candidates of one prompt, a list of `rlaif.pairs.python_strategy.Candidate` from best to worst, and returns
    pairs of (chosen, rejected) candidates.
    """
    return _registering("strategy", function, version=version)


def _registering(kind: str, function: F | None, **options: Any) -> F | Callable[[F], F]:
    def register(function: F) -> F:
        functions.register(kind, function, **options)
        return function

    return register if function is None else register(function)
