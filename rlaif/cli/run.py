"""Commands for a whole pipeline: create one, run it, and check its cost and requirements."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Quiet, Set, app
from rlaif.cli.output import print_json, render_pairing, show, terminal
from rlaif.cli.session import OPENS_NO_MODEL, session

if TYPE_CHECKING:
    from rlaif.config import Config
    from rlaif.evaluation import Evaluation
    from rlaif.pairs.build import Pairing
    from rlaif.store.store import Row


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="The folder to create.", show_default=False)]) -> None:
    """Create a folder with example pipelines, prompts and rubrics."""
    from rlaif.config.resources import copy_into

    copy_into(folder)
    print(f"Created {folder}. Next: cd {folder} && rlaif run pipelines/quickstart.yaml")


@app.command()
def run(
    file: File,
    set: Set = [],
    json: Json = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
    judge: JudgeName = None,
    view: Annotated[
        bool, typer.Option("--view", help="Serve the page of `rlaif view`, during the run and after it.")
    ] = False,
) -> None:
    """Run every stage of a pipeline file; finished work is skipped."""
    from rlaif import pipeline as running
    from rlaif.cli.view import start

    if judge:
        set = [*set, f"judge.by=[{judge}]", "judge.cascade=null", f"pair.judge={judge}"]
    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        running.check(plan)
        page = start(context.config) if view else None
        pairing, evaluation, report = running.everything(plan, context, allow_code=allow_code)
        turns = context.store.query("report/sql/rounds") if context.config.pipeline.rounds else []
    if json:
        print_json({"rounds": turns, "pairing": pairing, "evaluation": evaluation, "report": str(report)})
    else:
        _show_run(context.config, turns, pairing, evaluation, report)
    if page:
        page.join()


def _show_run(
    config: "Config", turns: "list[Row]", pairing: "Pairing | None", evaluation: "Evaluation", report: Path
) -> None:
    from rlaif.config import short
    from rlaif.evaluation import render
    from rlaif.pipeline.rounds import line

    console = terminal()
    for turn in turns:
        console.print(line(turn))
    if pairing:
        render_pairing(pairing, console)
        target = config.pipeline.pair and config.pipeline.pair.target
        if target and pairing.pairs < target:
            console.print(f"{pairing.pairs:,} of {target:,} pairs: every prompt without one has all its samples.")
    if evaluation.matches:
        render(evaluation, console)
    console.print(f"Report: {short(report)}", soft_wrap=True)


@app.command()
def plan(
    file: File,
    pilot: Annotated[int, typer.Option(help="Run this many prompts for real, to measure lengths.", min=0)] = 0,
    set: Set = [],
    json: Json = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Show the pending work and what it will cost, before you run it."""
    from rlaif.estimate import plan as estimate
    from rlaif.estimate import render

    with session(file, set, quiet, or_copy=not pilot, allow_code=allow_code) as (resolved, context):
        found = estimate(resolved, context, pilot, allow_code=allow_code)
    show(found, render, json)


@app.command()
def doctor(file: File, set: Set = [], json: Json = False) -> None:
    """Check servers, files, disk space and the store. Servers receive a few tiny test requests."""
    from rlaif.config import load
    from rlaif.doctor import examine, exit_code, render

    checks = examine(load(file, set, allow_code=OPENS_NO_MODEL))
    show(checks, render, json)
    raise typer.Exit(exit_code(checks))
