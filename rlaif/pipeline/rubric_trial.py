"""A judge on trial: the judge of a pipeline with another rubric, beside the judge as it is and a gold standard.

The gold prompts are divided in two parts by a digest of their text. Proposals for a rubric are made from the first part, and
rubrics are compared on the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rlaif import pipeline
from rlaif.config import Config
from rlaif.context.run import Context, HeldOut
from rlaif.core import functions
from rlaif.core.errors import InputError
from rlaif.evaluation.audit.metrics import Audited, order_pairs
from rlaif.evaluation.rubric_comparison import FIRST_PART, RubricComparison, compare_rubrics, in_first_part
from rlaif.judging.judge import Judge, JudgeFiles, load_judge
from rlaif.pipeline import gold as standards
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.scheduler import run_stage
from rlaif.pipeline.stages import judge as judging
from rlaif.store.store import Row


@dataclass(frozen=True)
class CurrentRubric:
    """The judge whose rubric is to be improved, its rubric's file, and the gold standard."""

    judge: Judge
    path: Path
    audited: Audited
    gold: Audited


@dataclass(frozen=True)
class Trial:
    """A judge as it is and with a new rubric. `only` are the responses of the gold pairs that measure the two."""

    current: CurrentRubric
    changed: Judge
    rubric: Path
    plan: Plan
    """The plan with the new rubric."""
    only: HeldOut
    first: float


def find_current(plan: Plan, context: Context, judge: str | None = None, gold: str | None = None) -> CurrentRubric:
    """Return the judge of that name, or the first that makes the pairs, with the gold standard that `audit` would use.

    Raises InputError if the judge, the gold standard or the file of its rubric is missing.
    """
    config, store = plan.config, context.store
    named = [judge] if judge else []
    right = standards.gold(plan, store, gold, named)
    if right is None:
        fix = f"Name it as --gold NAME. People vote with `{config.command('label')}`."
        raise InputError("the pipeline has no gold standard to learn from", where="rubric --gold", fix=fix)
    makers = [name for name in [*plan.pair_judges[0], *plan.judge_stage] if name in config.pipeline.judges]
    name = next((name for name in named or makers if name != right), None)
    if name is None:
        what = f"{right!r} cannot be its own gold standard" if named or makers else "the pipeline has no judge"
        raise InputError(what, where="rubric", fix="Name another judge as --judge NAME or --gold NAME.")
    found = plan.judge(name)
    if functions.is_reference(found.settings.rubric):
        raise InputError(
            f"the rubric of judge {name!r} is part of a Python program, not a file",
            where=config.file.where(("judges", name, "rubric")),
            fix="Write it to a YAML file first.",
        )
    path = config.find(found.settings.rubric, ("judges", name, "rubric"))
    return CurrentRubric(found, path, standards.audited(plan, store, name), _gold(plan, context, right))


def _gold(plan: Plan, context: Context, name: str) -> Audited:
    if not pipeline.count_usable(plan, context, name)["usable"]:
        raise InputError(
            f"no gold to compare with: {pipeline.describe_judged(plan, context, name)}",
            where=f"rubric --gold {name}",
            fix=pipeline.advise(plan, context, name),
        )
    return standards.audited(plan, context.store, name)


def gold_pairs(plan: Plan, context: Context, current: CurrentRubric) -> list[Row]:
    """Return the pairs that the gold orders, with the judge's outcome on each (see `outcomes.sql`)."""
    gold, mine = order_pairs(context.store, [current.gold, current.audited], plan.generator_keys(context.store))
    return context.store.query("evaluation/audit/sql/outcomes", voice=mine[None], gold=gold[None])


def open_trial(
    plan: Plan,
    context: Context,
    rubric: Path,
    judge: str | None = None,
    gold: str | None = None,
    *,
    first: float = FIRST_PART,
) -> Trial:
    """Load the rubric for a judge, and find the gold pairs to measure it on. Raises InputError if there are none."""
    current = find_current(plan, context, judge, gold)
    name = current.judge.name
    if rubric.resolve() == current.path.resolve():
        raise InputError(f"this is the rubric of judge {name!r} already", where=str(rubric), fix="Name the new rubric.")
    new = _with_rubric(plan.config, current.judge, rubric)
    rows = [row for row in gold_pairs(plan, context, current) if not in_first_part(row, first)]
    if not rows:
        raise InputError(
            f"{current.gold.name} orders no two responses in the part of the prompts that measures rubrics",
            where="rubric compare",
            fix="Label more prompts: about half of them belong to this part.",
        )
    answers = dict.fromkeys(row[side] for row in rows for side in "ab")
    return Trial(
        current=current,
        changed=new,
        rubric=rubric,
        plan=replace(plan, judges={**plan.judges, name: new}),
        only=HeldOut(1.0, answers=tuple(answers)),
        first=first,
    )


def _with_rubric(config: Config, judge: Judge, rubric: Path) -> Judge:
    """Load the judge with this rubric. Raises InputError if the file is invalid."""
    settings = judge.settings.model_copy(update={"rubric": str(rubric.resolve())})
    judges = {**config.pipeline.judges, judge.name: settings}
    changed = Config(config.pipeline.model_copy(update={"judges": judges}), config.file, config.overrides)
    return replace(load_judge(changed, judge.name, JudgeFiles()), name=f"{judge.name} ({rubric.stem})")


def run_trial(plan: Plan, context: Context, trial: Trial, *, allow_code: bool = False) -> RubricComparison:
    """Judge the pending responses of the gold pairs with both rubrics, and compare them.

    The scores by the new rubric have keys of another judge or of other criteria, so the pipeline's pairs do not change, and
    if the pipeline file names the new rubric one day, they count.
    """
    generators, current = plan.generator_keys(context.store), trial.current
    for judge, new in ((current.judge, False), (trial.changed, True)):
        _score(context, judge, generators, trial.only, allow_code, new)
    audited = standards.audited(trial.plan, context.store, current.judge.name)
    rubrics = current.path.name, trial.rubric.name
    return compare_rubrics(context.store, current.audited, audited, current.gold, generators, rubrics, first=trial.first)


def _score(context: Context, judge: Judge, generators: Sequence[str], only: HeldOut, allow_code: bool, trial: bool) -> None:
    scoring = partial(judging.run, context, judge=judge, generators=generators, only=only)
    run_stage(context, partial(scoring, allow_code=allow_code, trial=trial))
