"""Counts the work that a run still has to do, by the queries that its stages use."""

from rlaif.context.run import EVERYTHING
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import generate, judge
from rlaif.store.store import Store


def remaining(plan: Plan, store: Store) -> dict[str, int]:
    """Return the number of pending responses, and of judgements of all responses, whether they are pending or not.

    Comparisons, and the judges of a cascade after the first one, are not counted, because their number is not known yet.
    """
    wanted = [generate.pending_parameters(plan.config, each) for each in plan.generators]
    responses = sum(store.measure("pipeline/sql/generate/pending", "max(pending)", **each) for each in wanted)
    judgements = 0
    for name in plan.judge_stage:
        judging = plan.judge(name)
        if plan.judge_before(name) is None and judging.calls:
            parameters = judge.pending_parameters(judging, plan.generator_keys(store), EVERYTHING)
            calls = judge.call_parameters(judging)
            judgements += store.measure("pipeline/sql/judge/pending", "max(pending)", calls=calls, **parameters)
            judgements += responses * len(calls) * judging.settings.repeats
    return {"responses": responses, "judgements": judgements}
