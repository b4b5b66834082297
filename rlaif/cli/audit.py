"""Commands that measure judges: against each other, against gold, under attack, and by people who label."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, Quiet, Set, app
from rlaif.cli.output import print_json, show, terminal
from rlaif.cli.session import session


@app.command()
def agree(
    file: File,
    first: Annotated[str, typer.Argument(help="A judge.", show_default=False)],
    second: Annotated[str, typer.Argument(help="Another judge.", show_default=False)],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Compare two judges on the responses that both have judged; calls no model."""
    from rlaif import pipeline as running
    from rlaif.evaluation import render_agreement

    with session(file, set, filled=True) as context:
        found = running.agreed(context, first, second)
    show(found, render_agreement, json)


@app.command()
def audit(
    file: File,
    judge: Annotated[list[str], typer.Option("--judge", help="A judge's name; may be repeated. All, if not given.")] = [],
    gold: Annotated[str | None, typer.Option(help="The judge to compare with as correct.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first prompts, up to this many.", min=1)] = None,
    attacks: Annotated[int, typer.Option(help="Responses to alter by each attack, for the judge to score.", min=0)] = 20,
    stored: Annotated[bool, typer.Option("--stored", help="Call no model: measure what the store has.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show requests and cost; call no model.")] = False,
    set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Measure whether a judge can be trusted: against gold, on its own, and under attack."""
    from rlaif.config import short
    from rlaif.evaluation.audit import render
    from rlaif.pipeline.stages.audit import audit as measure
    from rlaif.report.audit_page import write

    if plan:
        _plan_audit(file, set, json, quiet, judge, gold, limit, attacks)
        return
    with session(file, set, quiet, allow_code=allow_code) as context:
        found = measure(context, judge, gold, limit=limit, attacks=attacks, stored=stored, allow_code=allow_code)
        page = context.config.out / "audit.html"
        write(found, context.config.pipeline.name, page)
    if json:
        print_json(found)
        return
    render(found, terminal())
    terminal().print(f"Page: {short(page)}", soft_wrap=True)


def _plan_audit(
    file: Path, set: list[str], json: bool, quiet: bool, judge: list[str], gold: str | None, limit: int | None, attacks: int
) -> None:
    from rlaif.estimate import plan_audit, render

    with session(file, set, quiet) as context:
        found = plan_audit(context, judge, gold, limit=limit, attacks=attacks)
    show(found, render, json)


@app.command()
def label(
    file: File,
    by: Annotated[str, typer.Option(help="Your name. Votes are stored as those of the judge human:NAME.")] = "me",
    limit: Annotated[int | None, typer.Option(help="Most pairs to show.", min=1)] = None,
    per_prompt: Annotated[int, typer.Option(help="Pairs per prompt.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed gives other pairs in another order.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Write a sheet to fill in.", show_default=False)] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Read a filled-in sheet.", show_default=False)] = None,
    set: Set = [],
) -> None:  # fmt: skip
    """Compare responses yourself, blind. Your votes count as a judge, and as gold for `audit`."""
    from rlaif import pipeline as running
    from rlaif.evaluation import labeling as labelling
    from rlaif.pipeline import resolve

    with session(file, set) as context:
        running.collect(context)
        voter, writers = labelling.Voter(by), resolve.generators(context.config)
        if import_:
            new, others = labelling.read(context.store, voter, import_)
            print(f"{new:,} votes by {voter.name}; {others:,} lines were empty or stored before.")
            return
        running.need_responses(context)
        labeling_tasks = labelling.labeling_tasks(
            context.store, voter, writers, per_prompt=per_prompt, limit=limit, seed=seed
        )
        if export:
            labelling.write(labeling_tasks, export)
            print(f"{len(labeling_tasks):,} pairs to vote on: {export}")
        elif not labeling_tasks:
            print("Nothing to vote on: no prompt has two different responses left without your vote.")
        else:
            votes = labelling.ask(context.store, voter, labeling_tasks, terminal())
            print(f"{votes:,} votes by {voter.name} are stored. Run the same command to go on.")
