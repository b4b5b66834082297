"""The stages after the pairs: train a model, evaluate it, and write the report."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rlaif.config import TransformersModel
from rlaif.context.run import Context
from rlaif.context.spending import spent_on_tasks
from rlaif.core.types import buckets
from rlaif.evaluation import Agreement, Evaluation
from rlaif.evaluation.table import judged
from rlaif.pipeline.evaluated_models import online_rewards, trained_generator
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import evaluate as evaluating
from rlaif.pipeline.stages import hand_off
from rlaif.pipeline.stages import train as training
from rlaif.pipeline.stages.pair import ensure_pairing
from rlaif.training.job import Training
from rlaif.training.profiles import Setup, here

if TYPE_CHECKING:
    from rlaif.training.model_card import Origin


def train(
    plan: Plan, context: Context, pairing: str | None = None, *, whole: bool = False, allow_code: bool = False
) -> Training:
    """Train the generator's model on pairs, or on rewards of responses that it samples, and write its card.

    `pairing` is by default the one that the file describes. `whole` is set if this is part of a run of all stages.
    """
    training.check_template(plan.config, plan.generators)
    pairing = pairing or _described(plan, context)
    trained = training.run(context, pairing, online_rewards(plan, context, allow_code=allow_code))
    return _with_card(plan, context, trained, whole=whole)


def prepare_training(
    plan: Plan,
    context: Context,
    folder: Path,
    pairing: str | None = None,
    *,
    setup: Setup | None = None,
    gpu_memory: float | None = None,
) -> str | None:
    """Write what `accelerate` needs to train into `folder` and return its command.

    `setup` is by default that of this machine, and `gpu_memory` the bytes of one GPU here. Once the training is finished,
    record it and return None.
    """
    training.check_template(plan.config, plan.generators)
    made = hand_off.prepare(context, folder, pairing or _described(plan, context), setup or here(), gpu_memory)
    if isinstance(made, str):
        return made
    _with_card(plan, context, made)
    return None


def take_training(plan: Plan, context: Context, folder: Path, pairing: str | None = None) -> Training:
    """Record the model that was trained in a prepared folder. Raises InputError if it is unfinished or another one."""
    return _with_card(plan, context, hand_off.take(context, folder, pairing or _described(plan, context)))


def _described(plan: Plan, context: Context) -> str | None:
    """Return the pairing that the file describes if the training needs pairs, otherwise None."""
    section = context.config.pipeline.train
    return ensure_pairing(plan, context) if section and section.needs_pairs else None


def _with_card(plan: Plan, context: Context, trained: Training, *, whole: bool = False) -> Training:
    from rlaif.training import model_card

    model_card.write(context.store, trained, _origin(plan, context, trained, whole=whole))
    return trained


def _origin(plan: Plan, context: Context, trained: Training, *, whole: bool) -> "Origin":
    from rlaif.data.export.dataset_card import made_by
    from rlaif.training.model_card import Origin

    config, store = context.config, context.store
    section = config.pipeline.train
    assert section
    pairing = (
        store.query("SELECT pairing FROM trainings WHERE key = $key LIMIT 1", key=trained.key)[0]["pairing"]
        if section.needs_pairs
        else ""
    )
    commands = [config.command("run")] if whole else [made_by(store, pairing).command, config.command("train")]
    # The pipeline as in the file, which a round changes.
    last = store.query("SELECT config FROM runs ORDER BY rowid DESC LIMIT 1")
    judges = [plan.judge(reward.judge) for reward in section.rewards if reward.judge]
    return Origin(
        command="\n".join(filter(None, commands)),
        base=training.base_model(config)[1].path,
        pipeline=json.loads(last[0]["config"]) if last else config.pipeline,
        pairs=section.needs_pairs,
        held_out=buckets(config.pipeline.collect.held_out),
        rewards=[
            {"name": each.name, "spec": json.dumps(each.spec | {"criteria": [c.spec for c in each.rubric.criteria]})}
            for each in judges
        ],
    )


def evaluate(plan: Plan, context: Context, *, allow_code: bool = False, stored: bool = False) -> Evaluation:
    """Compare the trained model and others with the base on held-out prompts, and add the result to the model's card.

    The evaluation has no matches if there is nothing to compare. With `stored`, no model is called and nothing is written.
    """
    found = evaluating.evaluate(plan, context, allow_code=allow_code, stored=stored)
    if stored:
        return found
    trained = trained_generator(plan, context) if found.matches and context.config.pipeline.train else None
    if trained and isinstance(trained.model, TransformersModel):
        from rlaif.training import model_card

        # The trained model is the first match of each judge.
        first = {match.judge: match for match in reversed(found.matches)}
        matches = list(reversed(first.values()))
        win_rates = {match.judge: match.win_rate for match in matches if match.win_rate is not None}
        model_card.compare(Path(trained.model.path), [judged(match) for match in matches], win_rates)
    return found


def agreements(plan: Plan, context: Context) -> list[Agreement]:
    """Return the agreement of the evaluation's first judge with each other one, on responses that both have scored."""
    from rlaif.evaluation import agreement

    keys = [plan.judge(name).key for name in plan.evaluators]
    return [agreement(context.store, keys[0], other) for other in keys[1:]]


def report(plan: Plan, context: Context, evaluation: Evaluation | None = None) -> Path:
    """Write the HTML report of this pipeline's store; return its path."""
    from rlaif import report as page

    path = context.config.out / "report.html"
    page.write(
        context.store,
        context.config.pipeline,
        path,
        evaluation=evaluation,
        elsewhere=spent_on_tasks(context.config),
        agreements=agreements(plan, context),
        file=context.config.file.path.name,
    )
    return path
