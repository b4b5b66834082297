"""Commands that export pairs, push them to the Hub, and compare ways to make them."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import File, Json, Newest, Set, app
from rlaif.cli.output import show
from rlaif.cli.session import session

Form = Annotated[str, typer.Option(help="preference, unpaired, reward, soft, sft or ranked.")]

pairs = typer.Typer(help="Look at ways to make pairs.", no_args_is_help=True)
app.add_typer(pairs, name="pairs")


@app.command()
def export(
    file: File,
    folder: Annotated[Path, typer.Argument(help="Where the files go.", show_default=False)],
    form: Form = "preference",
    format: Annotated[list[str], typer.Option(help="jsonl, parquet or datasets; may be repeated.")] = ["parquet"],
    newest: Newest = False, set: Set = [],
) -> None:  # fmt: skip
    """Write the pairs that the file describes as files that trainers read."""
    from rlaif import pipeline as running

    with session(file, set, quiet=False, filled=True) as context:
        done = running.export(context, folder, format, form, pairing=running.newest(context) if newest else None)
    print(", ".join(f"{split}: {count:,} rows" for split, count in done.rows.items()))
    for reason, count in done.left_out.items():
        print(f"left out: {count:,} {reason}")


@app.command()
def push(
    file: File,
    repo: Annotated[str, typer.Argument(help="The data set's place on the hub: owner/name.", show_default=False)],
    form: Form = "preference",
    token: Annotated[str, typer.Option(help="Where the hub's token is: env:NAME.")] = "env:HF_TOKEN",
    public: Annotated[bool, typer.Option("--public", help="For everybody to see; a new one is private otherwise.")] = False,
    newest: Newest = False, set: Set = [],
) -> None:  # fmt: skip
    """Put the pairs that the file describes on the Hugging Face Hub, with their card, in one commit."""
    from rlaif import pipeline as running
    from rlaif.data.export.hub import push as send

    with session(file, set, quiet=False, filled=True) as context:
        pairing = running.newest(context) if newest else None
        done = running.export(context, context.config.out / "pushed", ["parquet"], form, pairing=pairing)
    print(f"{send(done.folder, repo, token=token, public=public)} holds {done.folder}")


@pairs.command("diff")
def pairs_diff(
    file: File,
    a: Annotated[list[str], typer.Option("--a", help="One way: section.key=value; may be repeated.", metavar="A.B=C")] = [],
    b: Annotated[list[str], typer.Option("--b", help="The other way.", metavar="A.B=C")] = [],
    examples: Annotated[int, typer.Option(help="Pairs to show, of each kind of change.", min=0)] = 2,
    set: Set = [], json: Json = False,
) -> None:  # fmt: skip
    """Show what another strategy, judge, weight or margin would change; calls no model and keeps nothing."""
    from rlaif.pipeline.pairs_diff import compare
    from rlaif.pipeline.pairs_diff_render import render

    with session(file, set, filled=True) as context:
        found = compare(context, a, b, examples=examples)
    show(found, render, json)
