"""The whole pipeline: begin one, look what it costs and needs, run it."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Quiet, Set, app
from rlaif.cli.output import print_json, render_pairing, show, terminal
from rlaif.cli.session import OPENS_NO_MODEL, session


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="A new folder.", show_default=False)]) -> None:
    """Copy prompts, rubrics and pipelines into a folder, to start from."""
    from rlaif.config.resources import copy_into

    copy_into(folder)
    print(f"Made {folder}. Next: cd {folder} && rlaif run pipelines/quickstart.yaml")


@app.command()
def run(file: File, set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
        judge: JudgeName = None) -> None:  # fmt: skip
    """Do all that a pipeline file says, or what is left of it."""
    from rlaif import pipeline as running

    if judge:
        set = [*set, f"judge.by=[{judge}]", "judge.cascade=null", f"pair.judge={judge}"]
    with session(file, set, quiet, allow_code=allow_code) as context:
        running.check(context.config)
        pairing, evaluation, report = running.everything(context, allow_code=allow_code)
        turns = context.store.query("report/sql/rounds") if context.config.pipeline.rounds else []
    if json:
        print_json({"rounds": turns, "pairing": pairing, "evaluation": evaluation, "report": str(report)})
        return
    from rlaif.config import short
    from rlaif.evaluation import render
    from rlaif.pipeline.rounds import line

    console = terminal()
    for turn in turns:
        console.print(line(turn))
    if pairing:
        render_pairing(pairing, console)
        target = context.config.pipeline.pair and context.config.pipeline.pair.target
        if target and pairing.pairs < target:
            console.print(f"{pairing.pairs:,} of {target:,} pairs: every prompt without one has all its samples.")
    if evaluation.matches:
        render(evaluation, console)
    console.print(f"Report: {short(report)}", soft_wrap=True)


@app.command()
def plan(
    file: File,
    pilot: Annotated[int, typer.Option(help="Really do the first so many prompts, to measure lengths.", min=0)] = 0,
    set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Show what is owed and what it will cost, before anything is spent."""
    from rlaif.estimate import plan as estimate
    from rlaif.estimate import render

    with session(file, set, quiet, allow_code=allow_code) as context:
        found = estimate(context, pilot, allow_code=allow_code)
    show(found, render, json)


@app.command()
def doctor(file: File, set: Set = [], json: Json = False) -> None:
    """Check what a pipeline needs: servers (by a few tiny test requests), files, disk, store."""
    from rlaif.config import load
    from rlaif.doctor import examine, exit_code, render

    checks = examine(load(file, set, allow_code=OPENS_NO_MODEL))
    show(checks, render, json)
    raise typer.Exit(exit_code(checks))
