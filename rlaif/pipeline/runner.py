"""Run all stages of a pipeline file."""

from functools import partial
from pathlib import Path

from rlaif.context.run import Context
from rlaif.evaluation import Evaluation
from rlaif.pairs.pairing import Pairing
from rlaif.pipeline import rounds
from rlaif.pipeline.generate_and_judge import collect, generate_and_judge
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.stages import evaluate as evaluating
from rlaif.pipeline.stages.pair import pair, top_up
from rlaif.pipeline.train_and_evaluate import evaluate, report, train
from rlaif.pipeline.validate import check_pairs


def everything(plan: Plan, context: Context, *, allow_code: bool = False) -> tuple[Pairing | None, Evaluation, Path]:
    """Run all stages of the pipeline file; return the pairs, the evaluation, and the path of the report."""
    pipeline = plan.config.pipeline
    collect(context)
    check_pairs(plan, context)
    if pipeline.rounds:
        made: Pairing | None = rounds.run(context, pipeline.rounds, partial(_turn, allow_code=allow_code))
    else:
        made = _pairs(plan, context, allow_code)
        if pipeline.train:
            train(plan, context, made.key if made else None, whole=True, allow_code=allow_code)
    evaluation = evaluate(plan, context, allow_code=allow_code)
    return made, evaluation, report(plan, context, evaluation)


def _pairs(plan: Plan, context: Context, allow_code: bool) -> Pairing | None:
    """Run all stages up to the pairs."""
    generate_and_judge(plan, context, allow_code=allow_code)
    return top_up(plan, context, pair(plan, context), allow_code=allow_code) if plan.config.pipeline.pair else None


def _turn(context: Context, *, allow_code: bool) -> rounds.RoundResult:
    """Run one round, up to the trained model and its evaluation on held-out prompts. Without pairs, nothing is trained."""
    plan = resolve(context.config)
    made = _pairs(plan, context, allow_code)
    assert made
    trained = train(plan, context, made.key, whole=True, allow_code=allow_code) if made.pairs else None
    found = evaluating.first_match(plan, context, allow_code=allow_code) if trained else None
    return rounds.RoundResult(plan.policy.key, made, trained, found)
