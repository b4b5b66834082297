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
from rlaif.pipeline.resolve import held_out, named_judge
from rlaif.pipeline.stages import collect as collecting
from rlaif.store.store import Store


def in_task(
    context: Context, task: Task, base: Generator, models: Sequence[Generator], *, allow_code: bool, stored: bool = False
) -> TaskResult | None:
    """Compare each model with the base on all prompts of the task; None with `stored` if nothing is stored."""
    only = asked(context)
    if stored:
        return _stored(context, task, base, models, only)
    with opened(context, task) as inner:
        answer(inner, [base, *models], only)
        judge = named_judge(inner.config, task.name)
        found = score(inner, judge, base, models, only, allow_code=allow_code)
        return TaskResult(task.name, matches(inner.store, found))


def _stored(context: Context, task: Task, base: Generator, models: Sequence[Generator], only: HeldOut) -> TaskResult | None:
    config = task_config(context.config, task)
    if not config.store_path.exists():
        return None
    with Store(config.store_path, read_only=True) as store:
        inner = Context(config, store, context.run, context.progress)
        found = score(inner, named_judge(config, task.name), base, models, only, allow_code=False, stored=True)
        results = matches(store, found)
    return TaskResult(task.name, results) if any(each.prompts for each in results) else None


def asked(context: Context) -> HeldOut:
    """Select all prompts of a task, with as many samples as held-out prompts get."""
    return HeldOut(1.0, samples=held_out(context.config).samples)


@contextmanager
def opened(context: Context, task: Task) -> Iterator[Context]:
    """Open the task's store and collect its prompts, under the same budget."""
    config = task_config(context.config, task)
    paid = spent_in_all(context.store, context.config, but=task.name)
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
