"""Commands that show what the store holds, and `retry`, which requeues failed items."""

from typing import Annotated

import typer

from rlaif.cli.app import File, Json, Set, app
from rlaif.cli.output import print_json, show, table, terminal
from rlaif.cli.session import reading, session
from rlaif.core.safe_output import write_data


@app.command()
def status(file: File, set: Set = [], json: Json = False) -> None:
    """Show what the store holds, and what each stage did and cost."""
    from rlaif import pipeline as running
    from rlaif.context.spending import money

    with reading(file, set) as context:
        found = running.status(context.config, context.store)
    if json:
        print_json(found)
        return
    for row in found["spent"]:
        row["usd"] = money(row["usd"], row.pop("price"))
    for title, rows in found.items():
        if rows:
            terminal().print(table(title, rows))


@app.command()
def retry(
    file: File,
    kind: Annotated[list[str], typer.Option(help="Retry only this kind of failure, such as timeout; may be repeated.")] = [],
    set: Set = [],
    json: Json = False,
) -> None:
    """Requeue failed items. `plan` then shows what they cost, and `run` sends the requests."""
    from rlaif.pipeline.requeue import retry as requeue

    with session(file, set) as (plan, context):
        found = requeue(plan, context, kind)
    if json:
        print_json(found)
    elif found:
        terminal().print(table("Requeued", found))
    else:
        print("Nothing to retry: no failures of these kinds.")


@app.command()
def explain(
    file: File,
    prompt: Annotated[str, typer.Argument(help="A prompt's or response's id, or the start of one.", show_default=False)],
    set: Set = [],
    json: Json = False,
) -> None:
    """Show all that happened to one prompt, from sampling to pair."""
    from rlaif.pipeline.resolve import resolve
    from rlaif.report.explain import explain as explain_prompt
    from rlaif.report.explain import render

    with reading(file, set) as context:
        story = explain_prompt(context.store, prompt, resolve(context.config).known_judge_keys())
    show(story, render, json)


@app.command("sql")
def show_sql(
    file: File,
    statement: Annotated[str, typer.Argument(help="A SQL query.", show_default=False)],
    set: Set = [],
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
) -> None:
    """Query the store with SQL, read-only."""
    from rlaif.report.sql import as_csv, query, render

    with reading(file, set) as context:
        rows = query(context.store, statement)
    if csv:
        write_data(as_csv(rows))
    else:
        show(rows, render, json)
