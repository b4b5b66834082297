"""What comes of the pairs: a model, what it is worth, and the page that tells."""

from pathlib import Path

from rlaif.context import Context
from rlaif.evaluate import Agreement, Evaluation
from rlaif.evaluate import whole as evaluating
from rlaif.roles import evaluators, named_judge, practice
from rlaif.run.pairs import newest
from rlaif.spent import spent_on_tasks
from rlaif.stages import train as training
from rlaif.training.job import Training


def train(context: Context, pairing: str | None = None, *, allow_code: bool = False) -> Training:
    """The generator's model, trained on the pairs, or on answers of its own and their rewards, with its card."""
    trained = training.run(context, pairing or _newest(context), practice(context, allow_code=allow_code))
    return _with_card(context, trained)


def prepare_training(context: Context, folder: Path) -> str | None:
    """The command by which `accelerate` trains what is put into `folder`; None where it did, and the model is taken in."""
    _newest(context)
    made = training.prepare(context, folder)
    if isinstance(made, str):
        return made
    _with_card(context, made)
    return None


def _newest(context: Context) -> str | None:
    """The newest pairing, where there is one and the training needs it."""
    section = context.config.pipeline.train
    known = section and section.needs_pairs and context.store.query("train/newest_pairing")
    return newest(context) if known else None


def _with_card(context: Context, trained: Training) -> Training:
    from rlaif.export import model_card

    model_card.write(context.store, trained, f"rlaif train {context.config.file.path.name}")
    return trained


def evaluate(context: Context, *, allow_code: bool = False) -> Evaluation:
    """The trained model and others against the base on held-out prompts; no matches where there is nothing to compare."""
    return evaluating.evaluate(context, allow_code=allow_code)


def agreements(context: Context) -> list[Agreement]:
    """How the first judge of the evaluation differs from each other one, on what both have scored."""
    from rlaif.evaluate import agreement

    keys = [named_judge(context.config, name).key for name in evaluators(context.config)]
    return [agreement(context.store, keys[0], other) for other in keys[1:]]


def report(context: Context, evaluation: Evaluation | None = None) -> Path:
    """The HTML page of all that the store holds of this pipeline."""
    from rlaif import report as page

    path = context.config.out / "report.html"
    page.write(
        context.store, context.config.pipeline, path, evaluation=evaluation, elsewhere=spent_on_tasks(context.config),
        agreements=agreements(context),
    )  # fmt: skip
    return path
