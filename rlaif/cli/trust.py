"""Can a judge be trusted: by another judge, by gold, under attack, by people."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, Quiet, Set, app
from rlaif.cli.session import session
from rlaif.cli.show import print_json, show, terminal


@app.command()
def agree(
    file: File,
    first: Annotated[str, typer.Argument(help="A judge.", show_default=False)],
    second: Annotated[str, typer.Argument(help="Another judge.", show_default=False)],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Tell how two judges differ on what both have judged."""
    from rlaif import roles
    from rlaif.evaluate import agreement, render_agreement

    with session(file, set) as context:
        found = agreement(context.store, roles.judge_key(context, first), roles.judge_key(context, second))
    show(found, render_agreement, json)


@app.command()
def audit(
    file: File,
    judge: Annotated[list[str], typer.Option("--judge", help="A judge's name; may be repeated. All, if not given.")] = [],
    gold: Annotated[str | None, typer.Option(help="The judge that is taken to be right.", show_default=False)] = None,
    limit: Annotated[int | None, typer.Option(help="Ask on the first so many prompts only.", min=1)] = None,
    attacks: Annotated[int, typer.Option(help="Answers to change by each attack, which the judge then scores.", min=0)] = 20,
    stored: Annotated[bool, typer.Option("--stored", help="Ask no model: measure what the store has.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what it would ask and cost; ask nothing.")] = False,
    set: Set = [], json: Json = False, quiet: Quiet = False, allow_code: AllowCode = False,
) -> None:  # fmt: skip
    """Measure whether a judge can be trusted: against gold, on its own, and under attack."""
    from rlaif.audit import render, write
    from rlaif.audit.whole import audit as measure

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
    terminal().print(f"Page: {page}", soft_wrap=True)


def _plan_audit(
    file: Path, set: list[str], json: bool, quiet: bool, judge: list[str], gold: str | None, limit: int | None, attacks: int
) -> None:
    from rlaif.plan import plan_audit, render

    with session(file, set, quiet) as context:
        found = plan_audit(context, judge, gold, limit=limit, attacks=attacks)
    show(found, render, json)


@app.command()
def label(
    file: File,
    by: Annotated[str, typer.Option(help="Who votes. Votes are kept as those of the judge human:NAME.")] = "me",
    limit: Annotated[int | None, typer.Option(help="At most so many pairs.", min=1)] = None,
    per_prompt: Annotated[int, typer.Option(help="Pairs of each prompt.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Another seed: other pairs in another order.")] = 0,
    export: Annotated[Path | None, typer.Option(help="Write a sheet to fill in.", show_default=False)] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Read a filled-in sheet.", show_default=False)] = None,
    set: Set = [],
) -> None:  # fmt: skip
    """Compare answers yourself, blind; the votes are a judge like any other, and the audit's gold."""
    from rlaif import label as labelling
    from rlaif import roles
    from rlaif import run as running

    with session(file, set) as context:
        running.collect(context)
        voter, writers = labelling.Voter(by), roles.generators(context.config)
        if import_:
            new, others = labelling.read(context.store, voter, import_)
            print(f"{new:,} votes by {voter.name}; {others:,} lines were empty or known before.")
            return
        ballots = labelling.ballots(context.store, voter, writers, per_prompt=per_prompt, limit=limit, seed=seed)
        if export:
            labelling.write(ballots, export)
            print(f"{len(ballots):,} pairs to vote on: {export}")
        elif not ballots:
            print("Nothing to vote on: no prompt has two answers, or all have your votes.")
        else:
            votes = labelling.ask(context.store, voter, ballots, terminal())
            print(f"{votes:,} votes by {voter.name} are kept. The same command goes on with the rest.")
