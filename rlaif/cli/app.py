"""The `rlaif` command before it has any verbs, and the options that many of them share."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif import __version__

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

File = Annotated[Path, typer.Argument(help="The pipeline file.", show_default=False)]
Set = Annotated[
    list[str], typer.Option("--set", help="Override a value, as if in the file: section.key=value.", metavar="A.B=C")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
JudgeName = Annotated[str | None, typer.Option("--judge", help="A judge's name.", show_default=False)]
Newest = Annotated[bool, typer.Option("--newest", help="Take the pairs made last, even if the file describes others.")]
AllowCode = Annotated[bool, typer.Option("--allow-code", help="Let checks, models and trainers run code of the pipeline.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def rlaif(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Preference data from AI feedback, and training on it."""
