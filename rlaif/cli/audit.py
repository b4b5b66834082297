"""Commands that measure judges: against each other, against gold, under attack, and against human labels."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, Quiet, Set, app
from rlaif.cli.output import print_json, show, terminal
from rlaif.cli.session import copied, session

Judges = Annotated[list[str], typer.Option("--judge", help="A judge to measure; may be repeated. Default: all.")]
Limit = Annotated[int | None, typer.Option(help="Use only the first N prompts.", min=1)]
Stored = Annotated[bool, typer.Option("--stored", help="Call no model; measure what is stored.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Show the number of requests and the cost; call no model.")]
MEASURED = (
    "A judge of the pipeline, or one whose verdicts are in the benchmark's file; may be repeated. Default: the pipeline's."
)
IMPORT = "Read a filled-in CSV file, or annotations that Label Studio exported as JSON."


@app.command()
def agree(
    file: File,
    first: Annotated[str, typer.Argument(help="The first judge's name.", show_default=False)],
    second: Annotated[str, typer.Argument(help="The second judge's name.", show_default=False)],
    set: Set = [],
    json: Json = False,
) -> None:
    """Compare two judges on responses that both have scored. Calls no model."""
    from rlaif import pipeline as running
    from rlaif.evaluation import render_agreement

    with copied(file, set) as (plan, context):
        found = running.agreement_between(plan, context, first, second)
    show(found, render_agreement, json)


@app.command()
def audit(
    file: File,
    judge: Judges = [],
    gold: Annotated[str | None, typer.Option(help="The judge to use as the gold standard.", show_default=False)] = None,
    limit: Limit = None,
    attacks: Annotated[int, typer.Option(help="Responses to alter with each attack.", min=0)] = 20,
    stored: Stored = False,
    plan: PlanOnly = False,
    set: Set = [],
    json: Json = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Measure judges: accuracy, consistency, resistance to attacks."""
    from rlaif import estimate
    from rlaif.config import short
    from rlaif.evaluation.audit.render import render
    from rlaif.pipeline.stages.audit import audit as measure
    from rlaif.report.audit_page import write

    if plan:
        with session(file, set, quiet, or_copy=True) as (resolved, context):
            planned = estimate.plan_audit(resolved, context, judge, gold, limit=limit, attacks=attacks)
        show(planned, estimate.render, json)
        return
    with session(file, set, quiet, or_copy=stored, allow_code=allow_code) as (resolved, context):
        found = measure(resolved, context, judge, gold, limit=limit, attacks=attacks, stored=stored, allow_code=allow_code)
        page = context.config.out / "audit.html"
        write(found, context.config.pipeline.name, page)
    if json:
        print_json(found)
        return
    render(found, terminal(), context.config.pipeline.gate)
    terminal().print(f"Page: {short(page)}", soft_wrap=True)


@app.command()
def label(
    file: File,
    by: Annotated[str, typer.Option(help="Your name; votes are stored under the judge human:NAME.")] = "me",
    limit: Annotated[int | None, typer.Option(help="Maximum number of pairs to show.", min=1)] = None,
    per_prompt: Annotated[int, typer.Option(help="Pairs to show per prompt.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Seed for the selection and the order of pairs.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Write a CSV file to fill in.", show_default=False)] = None,
    import_: Annotated[Path | None, typer.Option("--import", help=IMPORT, show_default=False)] = None,
    set: Set = [],
) -> None:
    """Compare responses yourself, blind. Your votes form a judge, which `audit` can use as gold."""
    from rlaif import pipeline as running
    from rlaif.evaluation import labeling as labelling

    with session(file, set) as (plan, context):
        running.collect(context)
        voter, writers = labelling.Voter(by), plan.generator_keys(context.store)
        if import_:
            for name, (new, others) in labelling.read(context.store, voter, import_).items():
                print(f"{new:,} votes by {name}; {others:,} others were empty or already stored.")
            return
        running.need_responses(plan, context)
        labeling_tasks = labelling.labeling_tasks(
            context.store, voter, writers, per_prompt=per_prompt, limit=limit, seed=seed
        )
        if export:
            labelling.write(labeling_tasks, export)
            print(f"{len(labeling_tasks):,} pairs to vote on: {export}")
        elif not labeling_tasks:
            print("Nothing to vote on: you have voted on every prompt that has two different responses.")
        else:
            read = _key if sys.stdin.isatty() else input
            votes = labelling.collect_votes(context.store, voter, labeling_tasks, terminal(), read)
            print(f"{votes:,} votes by {voter.name} are stored. Run the same command to continue.")


def _key(question: str) -> str:
    """Return the key that the user presses; Enter is not needed, and Ctrl-C quits, because every vote is stored already."""
    print(question, end="", flush=True)
    try:
        key = typer.getchar()
    except (EOFError, KeyboardInterrupt):
        key = "q"
    print(key)
    return key


@app.command("judge-bench")
def judge_bench(
    file: File,
    suite: Annotated[
        list[str], typer.Option("--suite", help="A benchmark as NAME=FILE; may be repeated.", show_default=False)
    ],
    judge: Annotated[list[str], typer.Option("--judge", help=MEASURED)] = [],
    limit: Limit = None,
    stored: Stored = False,
    plan: PlanOnly = False,
    set: Set = [],
    json: Json = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Measure judges on public benchmarks with known labels: accuracy by subset, order consistency, cost."""
    from rlaif.config import load
    from rlaif.core.errors import InputError
    from rlaif.core.progress import progress
    from rlaif.estimate import plan_audit, render
    from rlaif.evaluation.scorecard import render_scorecard
    from rlaif.pipeline.judge_bench import judge_bench as measure
    from rlaif.pipeline.judge_bench import labels, open_suite

    config = load(file, set, allow_code=allow_code)
    for each in suite:
        name, _, path = each.partition("=")
        if not path:
            raise InputError(f"--suite {each} names no file", fix=f"Write --suite {name}=FILE.")
        with open_suite(config, name, Path(path), judge, progress(quiet=quiet)) as (resolved, context):
            if plan:
                show(plan_audit(resolved, context, list(resolved.judge_stage), labels(context), limit=limit), render, json)
            else:
                show(
                    measure(resolved, context, judge, limit=limit, stored=stored, allow_code=allow_code),
                    render_scorecard,
                    json,
                )
