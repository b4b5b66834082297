"""Commands that export pairs, push them to the Hub, and compare ways to build them."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import File, Json, Newest, Set, app
from rlaif.cli.output import show
from rlaif.cli.session import copied

Form = Annotated[str, typer.Option(help="Row format: preference, unpaired, reward, soft, sft or ranked.")]
ExportForm = Annotated[
    str, typer.Option(help="Row format: preference, unpaired, reward, soft, sft or ranked; or label-studio, for people.")
]
Rationales = Annotated[bool, typer.Option("--rationales", help="Add the judge's rationales.")]
TARGETS = "Write the layout and config of axolotl, llama-factory, open-instruct, nemo-rl or verl instead of a form."

pairs = typer.Typer(help="Compare ways to build pairs.", no_args_is_help=True)
app.add_typer(pairs, name="pairs")


@app.command()
def export(
    file: File,
    folder: Annotated[Path, typer.Argument(help="The folder to write to.", show_default=False)],
    form: ExportForm = "preference",
    format: Annotated[list[str], typer.Option(help="jsonl, parquet or datasets; may be repeated.")] = ["parquet"],
    target: Annotated[str | None, typer.Option("--for", help=TARGETS, metavar="PROJECT", show_default=False)] = None,
    rationales: Rationales = False,
    reasoning: Annotated[bool, typer.Option("--reasoning", help="Add each response's reasoning.")] = False,
    newest: Newest = False,
    set: Set = [],
) -> None:
    """Write the pairs to files that trainers can read."""
    from rlaif import pipeline as running

    with copied(file, set, quiet=False) as (plan, context):
        pairing = running.newest(context) if newest else None
        done = running.export(
            plan,
            context,
            folder,
            format,
            form,
            pairing=pairing,
            target=target,
            reasoning=reasoning,
            rationales=rationales,
            audit=True,
        )
    print(", ".join(f"{split}: {count:,} rows" for split, count in done.rows.items()))
    for reason, count in done.left_out.items():
        print(f"left out: {count:,} {reason}")


@app.command()
def push(
    file: File,
    repo: Annotated[str, typer.Argument(help="The dataset on the Hub: owner/name.", show_default=False)],
    form: Form = "preference",
    token: Annotated[str, typer.Option(help="The variable that holds the Hub token, as env:NAME.")] = "env:HF_TOKEN",
    public: Annotated[bool, typer.Option("--public", help="Make a new dataset public instead of private.")] = False,
    rationales: Rationales = False,
    newest: Newest = False,
    set: Set = [],
) -> None:
    """Push the pairs to the Hugging Face Hub. The dataset card is part of the same commit."""
    from rlaif import pipeline as running
    from rlaif.data.export.hub import push as send

    with copied(file, set, quiet=False) as (plan, context):
        pairing = running.newest(context) if newest else None
        folder = context.config.out / "pushed"
        done = running.export(
            plan, context, folder, ["parquet"], form, pairing=pairing, rationales=rationales, audit=True, address=repo
        )
    print(f"{send(done.folder, repo, token=token, public=public)} holds {done.folder}")


@pairs.command("diff")
def pairs_diff(
    file: File,
    a: Annotated[list[str], typer.Option("--a", help="First variant, as for --set; may be repeated.", metavar="A.B=C")] = [],
    b: Annotated[list[str], typer.Option("--b", help="Second variant, likewise.", metavar="A.B=C")] = [],
    examples: Annotated[int, typer.Option(help="Pairs to show per kind of change.", min=0)] = 2,
    set: Set = [],
    json: Json = False,
) -> None:
    """Show how two variants differ in their pairs. A variant is another strategy, judge, weight or margin.

    Calls no model and stores nothing.
    """
    from rlaif.pipeline.pairs_diff import compare
    from rlaif.pipeline.pairs_diff_render import render

    with copied(file, set) as (_, context):
        found = compare(context, a, b, examples=examples)
    show(found, render, json)
