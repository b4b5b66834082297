"""Commands for models."""

from pathlib import Path
from typing import Annotated

import typer

from rlaif.cli.app import app
from rlaif.core.errors import InputError

models = typer.Typer(help="Work with model files.", no_args_is_help=True)
app.add_typer(models, name="models")


@models.command("convert")
def convert_model(
    path: Annotated[str, typer.Argument(help="A GGUF file: model.gguf, or package:NAME/model.gguf.", show_default=False)],
    to: Annotated[Path, typer.Option(help="The folder to write, which must not exist.", show_default=False)],
) -> None:
    """Convert a GGUF file to an ordinary checkpoint, for vLLM, training and other programs."""
    from rlaif.models.local import gguf

    if not gguf.is_gguf(path):
        raise InputError(f"{path} is not a GGUF file", fix="Checkpoint folders need no conversion.")
    if to.exists():
        raise InputError(f"{to} exists", fix="Name a folder that does not exist yet.")
    gguf.convert(gguf.find_file(path), to)
    print(to)
