"""Commands that improve a rubric: have a model propose changes, and measure them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rlaif.cli.app import AllowCode, File, Json, Quiet, Set, app
from rlaif.cli.output import show
from rlaif.cli.session import session

if TYPE_CHECKING:
    from rich.console import Console

    from rlaif.pipeline.rubric_suggestion import Suggestion

rubric = typer.Typer(help="Improve a rubric: let a model propose changes, and measure them.", no_args_is_help=True)
app.add_typer(rubric, name="rubric")

Gold = Annotated[
    str | None, typer.Option(help="The gold standard: a person, an imported judge or another judge.", show_default=False)
]
Judge = Annotated[
    str | None, typer.Option("--judge", help="The judge. Default: the one that makes the pairs.", show_default=False)
]
Planned = Annotated[bool, typer.Option("--plan", help="Show the number of requests and the cost; call no model.")]


@rubric.command()
def suggest(
    file: File,
    gold: Gold = None,
    judge: Judge = None,
    model: Annotated[
        str | None, typer.Option(help="The model that proposes. Default: the judge's model.", show_default=False)
    ] = None,
    pairs: Annotated[int, typer.Option(help="Maximum number of disagreements to show to the model.", min=1)] = 12,
    plan: Planned = False,
    set: Set = [],
    json: Json = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Have a model propose criteria and wordings from pairs on which the judge disagrees with the gold.

    Writes a new rubric file and prints how it differs. Nothing uses it until the pipeline file names it.
    """
    from rlaif import pipeline as running
    from rlaif.estimate import plan_suggestion, render, summary
    from rlaif.pipeline import rubric_prompt, rubric_suggestion

    with session(file, set, quiet, or_copy=plan, allow_code=allow_code) as (resolved, context):
        running.check(resolved)
        running.collect(context)
        task = rubric_prompt.prepare(resolved, context, judge, gold, model, pairs=pairs)
        estimate = plan_suggestion(context, task)
        if plan:
            show(estimate, render, json)
            return
        context.progress.note(f"rubric suggest: {summary(estimate)}")
        found = rubric_suggestion.suggest(context, task)
        compare = context.config.command("rubric compare", "--gold", found.gold, "--rubric", str(found.rubric))
    show(found, _render, json)
    if found.rubric and not json:
        print(f"Next: {compare}")


def _render(found: "Suggestion", console: "Console") -> None:
    from rich.text import Text

    console.print(
        f"{found.judge} disagrees with {found.gold} on {found.disagreements:,} of {found.pairs:,} pairs; {found.model} has "
        f"seen {found.shown:,} of them."
    )
    console.print(f"Analysis: {found.analysis}")
    styles = {"+": "green", "-": "red", "@": "cyan"}
    for line in found.diff.split("\n") if found.diff else ():
        console.print(Text(line, style=styles.get(line[:1], "")), soft_wrap=True)
    console.print(f"New rubric: {found.rubric}" if found.rubric else "The model proposes no change.", soft_wrap=True)


@rubric.command()
def compare(
    file: File,
    rubric: Annotated[Path, typer.Option("--rubric", help="The new rubric file.", show_default=False)],
    gold: Gold = None,
    judge: Judge = None,
    plan: Planned = False,
    set: Set = [],
    json: Json = False,
    quiet: Quiet = False,
    allow_code: AllowCode = False,
) -> None:
    """Measure the judge with its rubric and with a new one on the gold pairs that `suggest` does not use."""
    from rlaif import pipeline as running
    from rlaif.estimate import plan_acceptance, plan_trial, render, summary
    from rlaif.evaluation.rubric_comparison import render_comparison
    from rlaif.pipeline import rubric_trial

    with session(file, set, quiet, or_copy=plan, allow_code=allow_code) as (resolved, context):
        running.check(resolved)
        running.collect(context)
        trial = rubric_trial.open_trial(resolved, context, rubric, judge, gold)
        estimate = plan_trial(resolved, context, trial)
        if plan:
            show(estimate, render, json)
            return
        context.progress.note(f"rubric compare: {summary(estimate)}")
        found = rubric_trial.run_trial(resolved, context, trial, allow_code=allow_code)
        rest = summary(plan_acceptance(resolved, context, trial))
    show(found, render_comparison, json)
    if not json:
        name = trial.current.judge.name
        print(f"To use it, write `rubric: {rubric}` for judge {name}. Scoring all other responses with it: {rest}.")
