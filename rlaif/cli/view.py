"""The command that serves the page in the browser."""

from typing import Annotated

import typer

from rlaif.cli.app import File, Set, app
from rlaif.cli.session import OPENS_NO_MODEL


@app.command()
def view(
    file: File,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 chooses a free one.", min=0, max=65535)] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the default browser.")] = False,
    set: Set = [],
) -> None:
    """Look at pairs, prompts, judges and runs in the browser, and label pairs. Listens on this machine only."""
    from importlib.util import find_spec

    from rlaif.config import load
    from rlaif.core.errors import InputError

    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise InputError("the page needs starlette and uvicorn, which are not installed", fix="pip install 'rlaif[view]'")
    from rlaif.pipeline import need_store
    from rlaif.pipeline.view_subject import view_subject
    from rlaif.view import serve

    config = load(file, set, allow_code=OPENS_NO_MODEL)
    need_store(config)

    def announce(address: str) -> None:
        print(f"{address}\nOpen this address in a browser on this machine. Ctrl-C ends the page.", flush=True)
        if open_:
            import webbrowser

            webbrowser.open(address)

    serve(view_subject(config), port, announce)
