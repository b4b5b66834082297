"""Evaluation tasks, which show what a model can still do: the same models on a task's prompts, judged by its checks.

A task is a separate small pipeline with a separate store, so its prompts never enter the pairs, and its responses are as
durable as any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rlaif.config import Collect, Config, Judge, JudgeSpec, Source, Task
from rlaif.context.run import Context, HeldOut
from rlaif.context.spending import spent_in_all
from rlaif.evaluation.comparison import matches
from rlaif.evaluation.types import TaskResult
from rlaif.pipeline.evaluate_answers import answer, score
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import collect as collecting
from rlaif.store.store import Store


def evaluate_on_task(
    plan: Plan,
    context: Context,
    task: str,
    base: Generator,
    models: Sequence[Generator],
    *,
    allow_code: bool,
    stored: bool = False,
) -> TaskResult | None:
    """Compare each model with the base on all prompts of the task; None with `stored` if nothing is stored."""
    of_task, only = plan.task(task), all_prompts(plan)
    if stored:
        return _stored(of_task, context, task, base, models, only)
    with open_task_store(plan, context, task) as inner:
        answer(of_task, inner, [base, *models], only)
        found = score(inner, of_task.judge(task), base, models, only, allow_code=allow_code)
        return TaskResult(task, matches(inner.store, found))


def _stored(
    plan: Plan, context: Context, name: str, base: Generator, models: Sequence[Generator], only: HeldOut
) -> TaskResult | None:
    """Compare by stored scores; `plan` is the plan of the task."""
    config = plan.config
    if not config.store_path.exists():
        return None
    with Store(config.store_path, read_only=True) as store:
        inner = Context(config, store, context.run, context.progress)
        found = score(inner, plan.judge(name), base, models, only, allow_code=False, stored=True)
        results = matches(store, found)
    return TaskResult(name, results) if any(each.prompts for each in results) else None


def all_prompts(plan: Plan) -> HeldOut:
    """Select all prompts of a task, with as many samples as held-out prompts get."""
    return HeldOut(1.0, samples=plan.held_out.samples)


@contextmanager
def open_task_store(plan: Plan, context: Context, task: str) -> Iterator[Context]:
    """Open the task's store and collect its prompts, under the same budget."""
    config = plan.task(task).config
    paid = spent_in_all(context.store, plan.config, but=task)
    with Store(config.store_path) as store:
        inner = Context(config, store, context.run, context.progress, paid)
        collecting.run(inner)
        yield inner


def task_config(config: Config, task: Task) -> Config:
    """Return the task as a pipeline. Raises InputError for a missing file."""
    section = config.pipeline.evaluate
    place = ("evaluate", "tasks", section.tasks.index(task) if section else 0)
    path, rubric = (str(config.find(getattr(task, name), (*place, name))) for name in ("path", "rubric"))
    pipeline = config.pipeline.model_copy(
        update={
            "name": task.name,
            "out": str(config.task_folder(task.name)),
            "judge": Judge(),
            "gate": None,
            "pair": None,
            "train": None,
            "evaluate": None,
            "collect": Collect(sources=[Source(path=path, columns=task.columns)]),
            "judges": {task.name: JudgeSpec(rubric=rubric)},
        }
    )
    return Config(pipeline, config.file, config.overrides)
