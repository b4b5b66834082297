"""Resolve a pipeline file into a plan: every rubric, template and strategy is read here, once."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from rlaif.config import Config, Task
from rlaif.config.yaml import Place
from rlaif.context.run import HeldOut
from rlaif.core.errors import InputError
from rlaif.judging.judge import JudgeFiles, load_judge
from rlaif.pairs.rule import load_rule
from rlaif.pipeline.evaluation_tasks import task_config
from rlaif.pipeline.generator import load_generators, load_policy
from rlaif.pipeline.plan import Plan

Part = TypeVar("Part")


def resolve(config: Config) -> Plan:
    """Load everything that the pipeline file names. Errors are kept in the plan and raised where the part is used."""
    problems: dict[Place, Exception] = {}

    def load(place: Place, part: Callable[[], Part]) -> Part | None:
        try:
            return part()
        except (InputError, OSError, UnicodeDecodeError) as error:
            problems[place] = error
            return None

    pipeline, files = config.pipeline, JudgeFiles()
    pool = load(("generate",), partial(load_generators, config)) if pipeline.generate else ()
    policy = load(("policy",), partial(load_policy, config, pool or ()))
    judges = {name: load(("judges", name), partial(load_judge, config, name, files)) for name in pipeline.judges}
    section = pipeline.evaluate
    tasks = {
        task.name: load(("evaluate", "tasks", task.name), partial(_resolve_task, config, task))
        for task in (section.tasks if section else ())
    }
    rule = load(("pair",), partial(load_rule, config))
    # A strategy without a judge needs scores only if `judge.by` asks for them.
    judged = rule is None or rule.strategy.needs_judge or pipeline.judge.by
    return Plan(
        config=config,
        pool=pool or (),
        loaded_policy=policy,
        judges={name: judge for name, judge in judges.items() if judge},
        judge_stage=tuple(config.judges) if judged else (),
        evaluators=tuple((section.judges if section else []) or config.judges),
        held_out=_held_out(config),
        pair_rule=rule,
        tasks={name: task for name, task in tasks.items() if task},
        problems=problems,
    )


def _resolve_task(config: Config, task: Task) -> Plan:
    return resolve(task_config(config, task))


def _held_out(config: Config) -> HeldOut:
    section, share = config.pipeline.evaluate, config.pipeline.collect.held_out
    if config.pipeline.generate is None and config.pipeline.pair is None:
        # Nothing is trained, so every prompt can be evaluated.
        share = 1.0
    return HeldOut(share, section.limit, section.samples) if section else HeldOut(share)
