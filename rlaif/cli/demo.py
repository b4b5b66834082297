"""Commands of the embedded demo: a synthetic world, a tiny writer and a tiny judge."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import app

tiny = typer.Typer(help="Make the embedded demo's models and requests.", no_args_is_help=True)
app.add_typer(tiny, name="tiny")


@tiny.command("train")
def tiny_train(
    out: Annotated[Path, typer.Argument(help="The folder for the two checkpoints.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Seed for data and weights.")] = 0,
) -> None:
    """Train the tiny writer and judge from scratch (under two hours on two cores)."""
    from rlaif.demo.train import train

    train(out, seed)


@tiny.command("requests")
def tiny_requests(
    count: Annotated[int, typer.Argument(help="Number of requests.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed for the requests.")] = 0,
) -> None:
    """Print requests of the synthetic world as JSONL."""
    from rlaif.demo.world import requests

    for row in requests(count, seed):
        print(json.dumps(row))
