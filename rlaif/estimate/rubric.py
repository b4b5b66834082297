"""Estimates what a proposal for a rubric costs, and what judging with a new rubric costs."""

from dataclasses import replace

from rlaif.context.run import Context
from rlaif.context.spending import spent_in_all
from rlaif.estimate.judging import estimate_judging
from rlaif.estimate.means import output_tokens
from rlaif.estimate.token_counts import counter
from rlaif.estimate.types import Line, Plan, exactly, priced
from rlaif.pipeline.plan import Plan as Resolved
from rlaif.pipeline.rubric_prompt import Task
from rlaif.pipeline.rubric_suggestion import MAX_TOKENS, STAGE
from rlaif.pipeline.rubric_trial import Trial


def plan_suggestion(context: Context, task: Task) -> Plan:
    """Estimate the request for a proposal; a stored reply costs nothing. Calls no model."""
    stored = context.store.query(
        "SELECT key FROM verdicts WHERE key = $key AND failure IS NULL LIMIT 1",
        key=task.key,
    )
    count, counted_by = counter(task.model)
    prompt, output = (exactly(count(task.messages)), counted_by), output_tokens(None, MAX_TOKENS)
    line = priced(STAGE, task.name, task.model, (1, 1), prompt, output)
    return _plan(context, [] if stored else [line])


def plan_trial(plan: Resolved, context: Context, trial: Trial) -> Plan:
    """Estimate the judgements that a comparison of two rubrics needs. Calls no model."""
    generators = plan.generator_keys(context.store)
    old = estimate_judging(context, trial.current.judge, generators, only=trial.only)
    new = estimate_judging(context, trial.changed, generators, only=trial.only)
    if old and trial.changed.key == trial.current.judge.key:
        # Criteria that both rubrics have are judged once.
        new = [line.at_most() for line in new]
    return _plan(context, [*old, *new])


def plan_acceptance(plan: Resolved, context: Context, trial: Trial) -> Plan:
    """Estimate the judgements that are pending if the pipeline file names the new rubric."""
    lines = estimate_judging(context, trial.changed, plan.generator_keys(context.store))
    return _plan(context, [replace(line, stage=f"{line.stage}, all responses") for line in lines])


def _plan(context: Context, lines: list[Line]) -> Plan:
    return Plan(lines, spent_in_all(context.store, context.config), context.config.pipeline.budget)
