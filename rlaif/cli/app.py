"""The Typer application of `rlaif`, and the arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif import __version__

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(help="The pipeline file.", show_default=False)]
Set = Annotated[
    list[str], typer.Option("--set", help="Override a value of the file, such as section.key=value.", metavar="A.B=C")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Do not show progress.")]
JudgeName = Annotated[str | None, typer.Option("--judge", help="Use only this judge.", show_default=False)]
Newest = Annotated[bool, typer.Option("--newest", help="Use the newest pairs, even if the file describes others.")]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Run code that the pipeline names (checks, models, trainers).")
]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def rlaif(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Build preference data from AI feedback, and train on it."""
