"""Commands for a whole pipeline: create one, run it, and check its cost and requirements."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, JudgeName, Quiet, Set, app
from rlaif.cli.output import plain, print_json, render_pairing, show, terminal
from rlaif.cli.session import OPENS_NO_MODEL, opened, session

if TYPE_CHECKING:
    from rlaif.config import Config
    from rlaif.context.run import Context
    from rlaif.context.summary import Summary
    from rlaif.evaluation import Evaluation
    from rlaif.pairs.pairing import Pairing
    from rlaif.store.store import Row

# What the end of a run shows if the cost is not an amount.
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

    from rlaif.config import load

    started = monotonic()
    if judge:
        set = [*set, f"judge.by=[{judge}]", "judge.cascade=null", f"pair.judge={judge}"]
    config = load(file, set, allow_code=allow_code)
    if not (view or allow_code) and (done := _finished(config, started)):
        if not quiet:
            print("Everything is up to date.", file=sys.stderr)
        _show(done, json)
        return
    from rlaif import pipeline as running
    from rlaif.cli.view import start
    from rlaif.config.resources import looked_for
    from rlaif.context import finished
    from rlaif.pipeline.summary import summarize

    with opened(config, quiet) as (plan, context):
        running.check(plan)
        page = start(context.config) if view else None
        pairing, evaluation, report = running.everything(plan, context, allow_code=allow_code)
        rounds = context.store.query("report/sql/rounds") if context.config.pipeline.rounds else []
        summary = summarize(context, pairing.pairs if pairing else None, started)
        whole = not allow_code and _leaves_nothing(context)
    found = Outcome(config, rounds, pairing, evaluation, report, summary)
    if whole:
        kept = {"pairing": plain(pairing), "evaluation": plain(evaluation), "summary": plain(summary)}
        finished.keep(config, kept, looked_for())
    _show(found, json)
    if page:
        page.join()


@dataclass(frozen=True)
class Outcome:
    """Everything that `run` prints at its end."""

    config: "Config"
    rounds: "list[Row]"
    pairing: "Pairing | None"
    evaluation: "Evaluation"
    report: Path
    summary: "Summary"


def _finished(config: "Config", started: float) -> Outcome | None:
    """Return the outcome of the finished run if this one would do nothing, with the time that this one has taken."""
    from time import monotonic

    from rlaif.context import finished

    kept = finished.find(config)
    if kept is None:
        return None
    from pydantic import TypeAdapter, ValidationError

    from rlaif.context.summary import Summary
    from rlaif.evaluation.types import Evaluation
    from rlaif.pairs.pairing import Pairing

    try:
        pairing = TypeAdapter(Pairing | None).validate_python(kept["pairing"])
        evaluation = TypeAdapter(Evaluation).validate_python(kept["evaluation"])
        summary = TypeAdapter(Summary).validate_python(kept["summary"] | {"seconds": monotonic() - started, "retries": {}})
    except (ValidationError, KeyError, TypeError):
        return None
    return Outcome(config, [], pairing, evaluation, config.out / "report.html", summary)


def _leaves_nothing(context: "Context") -> bool:
    """Return whether the next run has nothing to retry: nothing failed in this one, or this one had nothing to do."""
    store = context.store
    worked = store.rows("SELECT sum(failed) AS failed FROM stage_runs WHERE run = $run", run=context.run)[0]["failed"]
    return worked is None or not (worked or store.rows("SELECT 1 AS n FROM notes WHERE failure IS NOT NULL LIMIT 1"))


def _show(done: Outcome, json: bool) -> None:
    if json:
        results = {"rounds": done.rounds, "pairing": done.pairing, "evaluation": done.evaluation, "report": str(done.report)}
        print_json(results | {"summary": done.summary})
    else:
        _show_results(done)
        _show_summary(done.summary, done.report)


def _show_results(done: Outcome) -> None:
    from rlaif.evaluation import render

    console = terminal()
    if done.rounds:
        from rlaif.pipeline.rounds import line

        for each in done.rounds:
            console.print(line(each))
    if done.pairing:
        render_pairing(done.pairing, console)
        pair = done.config.pipeline.pair
        if pair and pair.target and done.pairing.pairs < pair.target:
            console.print(f"{done.pairing.pairs:,} of {pair.target:,} pairs: every prompt without one has all its samples.")
    if done.evaluation.matches:
        render(done.evaluation, console)


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
