"""What the store holds, told; and what failed, owed again."""

from typing import Annotated

import typer

from rlaif.cli.app import File, Json, Set, app
from rlaif.cli.output import print_json, show, table, terminal
from rlaif.cli.session import reading, session
from rlaif.core.safe_output import write_data


@app.command()
def status(file: File, set: Set = [], json: Json = False) -> None:
    """Show what the store holds, and what each stage has done and cost."""
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
    kind: Annotated[list[str], typer.Option(help="A kind of failure, such as timeout; may be repeated.")] = [],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Owe again what failed and was given up; `plan` shows what that costs, and `run` asks."""
    from rlaif.pipeline.requeue import retry as owe

    with session(file, set) as context:
        found = owe(context, kind)
    if json:
        print_json(found)
    elif found:
        terminal().print(table("Owed again", found))
    else:
        print("Nothing has failed of these kinds.")


@app.command()
def explain(
    file: File,
    prompt: Annotated[str, typer.Argument(help="The start of a prompt's id, or a response's id.", show_default=False)],
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Tell the whole story of one prompt, from sampling to pair."""
    from rlaif.pipeline import resolve
    from rlaif.report.explain import explain as tell
    from rlaif.report.explain import render

    with reading(file, set) as context:
        story = tell(context.store, prompt, resolve.current_judge_keys(context.config))
    show(story, render, json)


@app.command("sql")
def show_sql(
    file: File,
    statement: Annotated[str, typer.Argument(help="What to read, as SQL.", show_default=False)],
    set: Set = [], json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print the rows as CSV.")] = False,
) -> None:  # fmt: skip
    """Read the store by SQL; nothing can be changed."""
    from rlaif.report.sql import as_csv, query, render

    with reading(file, set) as context:
        rows = query(context.store, statement)
    if csv:
        write_data(as_csv(rows))
    else:
        show(rows, render, json)
