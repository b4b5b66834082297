"""Commands of the embedded demo."""

import json
from typing import Annotated

import typer

from rlaif.cli.app import app

demo = typer.Typer(help="Make data for the embedded demo.", no_args_is_help=True)
app.add_typer(demo, name="demo")


@demo.command("requests")
def demo_requests(
    count: Annotated[int, typer.Argument(help="Number of requests.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed for the requests.")] = 0,
) -> None:
    """Print requests of the synthetic world as JSONL."""
    from rlaif.demo.world import requests

    for row in requests(count, seed):
        print(json.dumps(row))
