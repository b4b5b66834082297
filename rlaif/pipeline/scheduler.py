"""Schedule stages that call models: one stage alone, or generation and judging at the same time."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from rlaif.context.run import Context
from rlaif.core import event_loop
from rlaif.core.workers import StageQueue, run_together
from rlaif.judging.judge import Judge
from rlaif.models.registry import Models
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.server_info import ObservedModels
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging
from rlaif.store.store import Row


def run_stage(context: Context, work: Callable[[Models], Coroutine[Any, Any, None]]) -> None:
    """Run one stage by itself; its models are closed before those of the next stage are opened."""

    async def inside() -> None:
        async with ObservedModels(context) as models:
            await work(models)

    event_loop.run(inside())
    context.budget.check()


async def run_overlapped(plan: Plan, context: Context, judges: Sequence[Judge], allow_code: bool) -> None:
    """Generate and judge at the same time: a response is judged as soon as it is stored."""
    queues: list[StageQueue[Row]] = [StageQueue() for _ in judges]

    async def generate(models: Models) -> None:
        try:
            await generating.run_pool(plan, context, models, plan.generators, queues=queues)
        finally:
            for queue in queues:
                queue.close()

    async def score(models: Models, judge: Judge, queue: StageQueue[Row]) -> None:
        try:
            await judging.run(context, models, judge, plan.generator_keys(context.store), allow_code=allow_code, then=queue)
        finally:
            queue.abandon()

    async with ObservedModels(context) as models:
        scoring = [score(models, judge, queue) for judge, queue in zip(judges, queues, strict=True)]
        await run_together([*scoring, generate(models)])
