"""Runs the judges of a pipeline over a benchmark with known labels, in a separate store under the pipeline's `out`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rlaif import pipeline
from rlaif.config import Collect, Config, Judge, Source
from rlaif.context.run import EVERYTHING, Context, HeldOut
from rlaif.context.spending import spent_in_all
from rlaif.core.errors import InputError
from rlaif.core.progress import Progress
from rlaif.data.layouts import load
from rlaif.evaluation.scorecard import Scorecard, scorecard
from rlaif.pipeline import gold as standards
from rlaif.pipeline.plan import Plan
from rlaif.store.store import Store


@contextmanager
def open_suite(
    config: Config, suite: str, path: Path, names: Sequence[str], progress: Progress
) -> Iterator[tuple[Plan, Context]]:
    """Open the store of a benchmark and collect its file. `suite` is the name of a layout.

    `names` are judges of the pipeline file, or judges whose recorded verdicts are in the benchmark's file. Raises
    InputError.
    """
    load(suite)
    if not path.exists():
        raise InputError(
            "no such file", where=str(path), fix="Download the benchmark, and give its file as --suite NAME=FILE."
        )
    elsewhere = []
    if config.store_path.exists():
        with Store(config.store_path, read_only=True) as store:
            elsewhere = spent_in_all(store, config, but=suite)
    with pipeline.open_run(_suite_config(config, suite, path, names), progress) as (plan, context):
        pipeline.collect(context)
        for name in names:
            plan.judge_key(context.store, name)
        yield plan, replace(context, elsewhere=elsewhere)


def _suite_config(config: Config, suite: str, path: Path, names: Sequence[str]) -> Config:
    """Return the pipeline with the benchmark as its only source and nothing but judging to do."""
    update = dict.fromkeys(("generate", "gate", "pair", "train", "evaluate", "rounds"))
    source = Source(path=str(path.resolve()), layout=suite)
    own = [name for name in names or config.pipeline.judges if name in config.pipeline.judges]
    chosen = config.pipeline.model_copy(
        update=update
        | {
            "name": suite,
            "out": str(config.bench_folder / suite),
            "collect": Collect(sources=[source], held_out=0),
            "judges": {name: config.pipeline.judges[name] for name in own},
            "judge": Judge(by=own),
        }
    )
    return Config(chosen, config.file, config.overrides)


def labels(context: Context) -> str:
    """Return the name of the judge whose preferences are the benchmark's labels. Raises InputError if it has none."""
    found = context.store.query("evaluation/audit/sql/people")
    if not found:
        raise InputError("the benchmark has no preferences", fix="Use a layout with labels: `rlaif collect --guess FILE`.")
    return str(found[0]["name"])


def judge_bench(
    plan: Plan,
    context: Context,
    names: Sequence[str] = (),
    *,
    limit: int | None = None,
    stored: bool = False,
    allow_code: bool = False,
) -> Scorecard:
    """Judge the benchmark's responses and return the scorecard of the judges `names`, by default those of the pipeline.

    With `stored`, no model is called. Raises InputError without a judge to measure.
    """
    store, suite, names = context.store, plan.config.pipeline.name, list(names or plan.judge_stage)
    if not names:
        raise InputError(
            "no judge to measure", fix="Add one to `judges`, or name one whose verdicts are in the file: `--judge recorded`."
        )
    right, only = labels(context), EVERYTHING if limit is None else HeldOut(1.0, limit)
    own = [name for name in names if name in plan.config.pipeline.judges]
    if own and not stored:
        pipeline.judge(plan, context, own, only=only, allow_code=allow_code)
    spent = {each.stage: each for each in spent_in_all(store, plan.config)}
    costs: dict[str, float | None] = {}
    for name in names:
        paid = spent.get(f"judge {name}")
        costs[name] = 1000 * paid.usd / paid.units if paid and paid.usd is not None and paid.units else None
    judges = [standards.audited(plan, store, name) for name in names]
    return scorecard(store, suite, judges, standards.audited(plan, store, right), plan.generator_keys(store), costs)
