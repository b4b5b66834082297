"""One command per stage, the report, and its plots."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Newest, Quiet, Set, app
from rlaif.cli.output import print_json, render_pairing, show, terminal
from rlaif.cli.session import reading, session

Profile = Literal["single", "ddp", "fsdp2", "zero2", "zero3"]

if TYPE_CHECKING:
    from rlaif.context.run import Context
    from rlaif.pipeline.plan import Plan


@app.command()
def collect(
    file: File,
    guess: Annotated[
        bool, typer.Option("--guess", help="FILE is a data file: print how to read it, with three rows, and store nothing.")
    ] = False,
    set: Set = [],
    quiet: Quiet = False,
) -> None:
    """Read prompts, documents and existing responses into the store."""
    if guess:
        _guess(file)
        return
    from rlaif import pipeline as running

    with session(file, set, quiet) as (_, context):
        running.collect(context)


def _guess(path: Path) -> None:
    from rlaif.data.guess import guess

    found = guess(path)
    print(found.section)
    for number, row in enumerate(found.rows, 1):
        print(f"# row {number}\n{row}\n")
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)


@app.command()
def generate(file: File, set: Set = [], quiet: Quiet = False, allow_code: AllowCode = False) -> None:
    """Sample the pending responses."""
    from rlaif import pipeline as running

    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        if context.config.pipeline.generate is None:
            context.progress.note("generate: nothing to sample, because the file has no `generate` section")
        running.generate(plan, context)


@app.command()
def judge(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, allow_code: AllowCode = False) -> None:
    """Score the pending responses."""
    from rlaif import pipeline as running

    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        running.judge(plan, context, [judge] if judge else [], allow_code=allow_code)


@app.command()
def pair(file: File, set: Set = [], quiet: Quiet = False, judge: JudgeName = None, json: Json = False) -> None:
    """Build pairs from stored scores; calls no model."""
    from rlaif import pipeline as running

    if judge:
        set = [*set, f"pair.judge={judge}"]
    with session(file, set, quiet) as (plan, context):
        pairing = running.pair(plan, context)
    show(pairing, render_pairing, json)


@app.command()
def train(
    file: File,
    prepare: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Only write the files for `accelerate`, for several GPUs or machines.")
    ] = None,
    profile: Annotated[
        Profile | None, typer.Option(help="How GPUs share the work, for --prepare. Default: ddp if there are several.")
    ] = None,
    nodes: Annotated[int, typer.Option(help="The machines, for --prepare.", min=1)] = 1,
    gpus: Annotated[
        int | None, typer.Option(help="The GPUs of each machine, for --prepare. Default: those of this one, or 8.", min=0)
    ] = None,
    gpu_memory: Annotated[
        float | None, typer.Option(help="The gigabytes of one GPU, for --prepare. Default: as here, or 80.", min=1)
    ] = None,
    take: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Import the model that was trained in a prepared folder.")
    ] = None,
    newest: Newest = False,
    set: Set = [],
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Train the generator's model on the pairs, or on rewards."""
    from rlaif import pipeline as running
    from rlaif.training.profiles import here

    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        pairing = running.newest(context) if newest else None
        if prepare is None:
            training = running.take_training(plan, context, take, pairing) if take else None
            print((training or running.train(plan, context, pairing, allow_code=allow_code)).path)
            return
        setup = here(profile, nodes, gpus)
        memory = gpu_memory and gpu_memory * 1e9
        command = running.prepare_training(plan, context, prepare, pairing, setup=setup, gpu_memory=memory)
        importing = context.config.command("train", "--take", str(prepare))
    print(f"{command}\nThen import the model: {importing}" if command else f"Imported the model from {prepare}.")


@app.command()
def evaluate(file: File, set: Set = [], quiet: Quiet = False, json: Json = False, allow_code: AllowCode = False) -> None:
    """Compare the trained model with its base on held-out prompts."""
    from rlaif import pipeline as running
    from rlaif.evaluation import render

    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        running.need_models(plan, context)
        evaluation = running.evaluate(plan, context, allow_code=allow_code)
    if json:
        print_json(evaluation)
    else:
        render(evaluation, terminal())


@app.command()
def report(file: File, set: Set = [], quiet: Quiet = False) -> None:
    """Write the HTML report; calls no model."""
    from rlaif import pipeline as running
    from rlaif.config import short

    with reading(file, set) as context:
        plan = running.resolve(context.config)
        print(short(running.report(plan, context, running.evaluate(plan, context, stored=True))))
        if not quiet and (rest := _left(plan, context)):
            print(rest, file=sys.stderr)


@app.command()
def plot(
    file: File,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder. Default: `plots` in the output folder.")
    ] = None,
    set: Set = [],
) -> None:
    """Write the main charts of the report as SVG files, for papers; calls no model."""
    from rlaif import pipeline as running
    from rlaif.config import short
    from rlaif.report import plots

    with reading(file, set) as context:
        plan = running.resolve(context.config)
        found = running.evaluate(plan, context, stored=True)
        paths = plots.write(context.store, to or context.config.out / "plots", found.matches, found.curve)
    for path in paths:
        print(short(path))
    if not paths:
        print("Nothing to plot yet: there are no scores, pairs or trainings.")


def _left(plan: "Plan", context: "Context") -> str:
    """Describe the pending work that the report lacks, with its cost and the command to run; empty if there is none."""
    from rlaif.core.errors import RlaifError
    from rlaif.estimate import left, summary

    config = context.config
    try:
        pending = left(plan, context)
    except RlaifError:
        return f"`{config.command('plan')}` shows what is not done yet."
    if not pending.lines:
        return ""
    evaluating = not any(line.stage.startswith(("generate", "judge ", "train: ")) for line in pending.lines)
    command = config.command("evaluate" if evaluating else "run")
    return f"Not done yet, so not in the report: {summary(pending)}. `{command}` does it."
