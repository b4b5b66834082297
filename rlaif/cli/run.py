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
    from rlaif.pipeline.summary import Summary
    from rlaif.store.store import Row

# How the end of a run describes a cost that is no amount.
COSTS = {"local": "none, all models ran on your machines", "unknown": "unknown, because no model has a `price`"}


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
    from time import monotonic

    from rlaif import pipeline as running
    from rlaif.cli.view import start
    from rlaif.pipeline.summary import summarize

    started = monotonic()
    if judge:
        set = [*set, f"judge.by=[{judge}]", "judge.cascade=null", f"pair.judge={judge}"]
    with session(file, set, quiet, allow_code=allow_code) as (plan, context):
        running.check(plan)
        page = start(context.config) if view else None
        pairing, evaluation, report = running.everything(plan, context, allow_code=allow_code)
        turns = context.store.query("report/sql/rounds") if context.config.pipeline.rounds else []
        summary = summarize(context, pairing.pairs if pairing else None, started)
    if json:
        results = {"rounds": turns, "pairing": pairing, "evaluation": evaluation, "report": str(report)}
        print_json(results | {"summary": summary})
    else:
        _show_run(context.config, turns, pairing, evaluation)
        _show_summary(summary, report)
    if page:
        page.join()


def _show_run(config: "Config", turns: "list[Row]", pairing: "Pairing | None", evaluation: "Evaluation") -> None:
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


def _show_summary(summary: "Summary", report: Path) -> None:
    """Print the figures of the run, one to a line, and the command to run next."""
    from rlaif.config import short
    from rlaif.core.progress import duration, kinds

    lines = {
        "Pairs": None if summary.pairs is None else f"{summary.pairs:,}",
        "Time": duration(summary.seconds),
        "Cost": COSTS.get(summary.cost, f"{summary.cost}, in all runs"),
        "Retries": f"{sum(summary.retries.values()):,} ({kinds(summary.retries)})" if summary.retries else None,
        "Report": short(report),
        "Next": summary.next,
    }
    for name, value in lines.items():
        if value is not None:
            terminal().print(f"{name + ':':<8} {value}", soft_wrap=True)


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
