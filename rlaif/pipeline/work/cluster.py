"""Run the stages that call models on a cluster: write what is pending, let workers do it, and ingest the results."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rlaif.context.run import Context
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.work.folder import MANIFEST
from rlaif.pipeline.work.ingest import ingest
from rlaif.pipeline.work.pending import write_pending
from rlaif.pipeline.work.ray_engine import work_on_ray


def generate(plan: Plan, context: Context) -> None:
    """Generate the pending responses on the cluster."""
    _finish_left(plan, context, allow_code=True)
    # The file was loaded, so code that its models name was allowed.
    _pass(plan, context, "generate", (), allow_code=True)


def judge(plan: Plan, context: Context, names: Sequence[str], *, allow_code: bool) -> None:
    """Compute the pending scores of these judges on the cluster, one judge after the other, as a cascade needs."""
    _finish_left(plan, context, allow_code=allow_code)
    for name in names or plan.judge_stage:
        rounds = any(criterion.schedule == "knock_out" for criterion in plan.judge(name).compared.values())
        # In a knock-out, each round is scheduled from the results of the one before.
        while _pass(plan, context, "judge", [name], allow_code=allow_code) and rounds:
            continue


def _pass(
    plan: Plan, context: Context, stage: Literal["generate", "judge"], judges: Sequence[str], *, allow_code: bool
) -> int:
    """Do what is pending now; return how many units were done."""
    folder = context.config.out / "work" / "-".join([context.run, stage, *judges])
    if folder.exists():
        shutil.rmtree(folder)
    if not write_pending(plan, context, stage, folder, judges=judges, allow_code=allow_code).tasks:
        shutil.rmtree(folder)
        return 0
    return _do(plan, context, folder, allow_code)


def _do(plan: Plan, context: Context, folder: Path, allow_code: bool) -> int:
    section = context.config.pipeline.run
    assert section
    try:
        work_on_ray(
            folder, address=section.address, workers=section.workers, allow_code=allow_code, progress=context.progress
        )
    finally:
        # Also after an error or a stop: what was finished is paid for.
        found = ingest(plan, context, folder, allow_code=allow_code)
    shutil.rmtree(folder)
    return sum(each.done for each in found)


def _finish_left(plan: Plan, context: Context, *, allow_code: bool) -> None:
    """Ingest what a driver that was killed has left; its unfinished units are pending again."""
    for folder in sorted((context.config.out / "work").glob("*")):
        if (folder / MANIFEST).exists():
            ingest(plan, context, folder, allow_code=allow_code)
        shutil.rmtree(folder)
