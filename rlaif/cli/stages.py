"""One verb a stage, and the report of them all."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Newest, Quiet, Set, app
from rlaif.cli.output import print_json, render_pairing, show, terminal
from rlaif.cli.session import reading, session

if TYPE_CHECKING:
    from rlaif.context.run import Context


@app.command()
def collect(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Read prompts, and what comes with them, into the store."""
    from rlaif import pipeline as running

    with session(file, set, quiet) as context:
        running.collect(context)


@app.command()
def generate(file: File, set: Set = [], quiet: Quiet = False, allow_code: AllowCode = False) -> None:
    """Sample the responses that are owed."""
    from rlaif import pipeline as running

    with session(file, set, quiet, allow_code=allow_code) as context:
        if context.config.pipeline.generate is None:
            context.progress.note("generate: nothing to sample, because the file has no `generate` section")
        running.generate(context)


@app.command()
def judge(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, allow_code: AllowCode = False) -> None:
    """Score the responses that a judge still owes."""
    from rlaif import pipeline as running

    with session(file, set, quiet, allow_code=allow_code) as context:
        running.judge(context, [judge] if judge else [], allow_code=allow_code)


@app.command()
def pair(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, json: Json = False) -> None:
    """Turn stored scores into pairs; no model is asked."""
    from rlaif import pipeline as running

    if judge:
        set = [*set, f"pair.judge={judge}"]
    with session(file, set, quiet) as context:
        pairing = running.pair(context)
    show(pairing, render_pairing, json)


@app.command()
def train(
    file: File,
    prepare: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write what `accelerate` needs to train, on several GPUs or machines.")
    ] = None,
    newest: Newest = False, set: Set = [], quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Train the generator's model on the pairs that the file describes, or on rewards."""
    from rlaif import pipeline as running

    with session(file, set, quiet, allow_code=allow_code) as context:
        pairing = running.newest(context) if newest else None
        if prepare is None:
            print(running.train(context, pairing, allow_code=allow_code).path)
            return
        command = running.prepare_training(context, prepare, pairing)
    print(f"{command}\nThen this command again takes the model in." if command else f"Taken in from {prepare}.")


@app.command()
def evaluate(file: File, set: Set = [], quiet: Quiet = False, json: Json = False, allow_code: AllowCode = False) -> None:
    """Compare the trained model, and others, with the base on held-out prompts."""
    from rlaif import pipeline as running
    from rlaif.evaluation import render

    with session(file, set, quiet, allow_code=allow_code) as context:
        running.need_models(context)
        evaluation = running.evaluate(context, allow_code=allow_code)
    if json:
        print_json(evaluation)
    else:
        render(evaluation, terminal())


@app.command()
def report(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Write the HTML report of what the store holds; calls no model."""
    from rlaif import pipeline as running
    from rlaif.config import short

    with reading(file, set) as context:
        print(short(running.report(context, running.evaluate(context, stored=True))))
        if not quiet and (rest := _left(context)):
            print(rest, file=sys.stderr)


def _left(context: "Context") -> str:
    """What the report lacks because it is not done yet, with its cost and the command that does it; empty if nothing."""
    from rlaif.core.errors import RlaifError
    from rlaif.estimate import left, summary

    config = context.config
    try:
        plan = left(context)
    except RlaifError:
        return f"`{config.command('plan')}` shows what is not done yet."
    if not plan.lines:
        return ""
    evaluating = not any(line.stage.startswith(("generate", "judge ", "train: ")) for line in plan.lines)
    command = config.command("evaluate" if evaluating else "run")
    return f"Not done yet, so not in the report: {summary(plan)}. `{command}` does it."
