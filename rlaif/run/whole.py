"""All that a pipeline file says."""

from functools import partial
from pathlib import Path

from rlaif import rounds
from rlaif.context import Context
from rlaif.evaluate import Evaluation
from rlaif.evaluate import whole as evaluating
from rlaif.generator import generator
from rlaif.run.answers import collect, generate_and_judge
from rlaif.run.beforehand import check_pairs
from rlaif.run.pairs import pair, top_up
from rlaif.run.trained import evaluate, report, train
from rlaif.stages.pair import Pairing


def everything(context: Context, *, allow_code: bool = False) -> tuple[Pairing | None, Evaluation, Path]:
    """All stages that the pipeline file has."""
    pipeline = context.config.pipeline
    collect(context)
    check_pairs(context)
    if pipeline.rounds:
        made: Pairing | None = rounds.run(context, pipeline.rounds, partial(_turn, allow_code=allow_code))
    else:
        made = _pairs(context, allow_code)
        if pipeline.train:
            train(context, made.key if made else None, whole=True, allow_code=allow_code)
    evaluation = evaluate(context, allow_code=allow_code)
    return made, evaluation, report(context, evaluation)


def _pairs(context: Context, allow_code: bool) -> Pairing | None:
    """All stages up to the pairs."""
    generate_and_judge(context, allow_code=allow_code)
    return top_up(context, pair(context), allow_code=allow_code) if context.config.pipeline.pair else None


def _turn(context: Context, *, allow_code: bool) -> rounds.Turn:
    """One round: up to the model, and what the held-out judge makes of it. Without a pair, nothing is trained."""
    made = _pairs(context, allow_code)
    assert made
    trained = train(context, made.key, whole=True, allow_code=allow_code) if made.pairs else None
    found = evaluating.first_match(context, allow_code=allow_code) if trained else None
    return rounds.Turn(generator(context.config).key, made, trained, found)
