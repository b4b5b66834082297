"""The embedded world, writer and judge."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import app

tiny = typer.Typer(help="The embedded world, writer and judge.", no_args_is_help=True)
app.add_typer(tiny, name="tiny")


@tiny.command("train")
def tiny_train(
    out: Annotated[Path, typer.Argument(help="Where the two checkpoints go.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed, other models.")] = 0,
) -> None:
    """Make the tiny writer and judge from a seed: two cores, under two hours."""
    from rlaif.demo.train import train

    train(out, seed)


@tiny.command("requests")
def tiny_requests(
    count: Annotated[int, typer.Argument(help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="Another seed, other requests.")] = 0,
) -> None:
    """Print requests of the tiny world as JSONL."""
    from rlaif.demo.world import requests

    for row in requests(count, seed):
        print(json.dumps(row))
