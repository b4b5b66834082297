"""The command that serves the page in the browser."""

from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from rlaif.cli.app import File, Set, app
from rlaif.cli.session import OPENS_NO_MODEL

if TYPE_CHECKING:
    from threading import Thread

    from rlaif.config import Config


@app.command()
def view(
    file: File,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 chooses a free one.", min=0, max=65535)] = 0,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the default browser.")] = False,
    set: Set = [],
) -> None:
    """Look at pairs, prompts, judges and runs in the browser, and label pairs. Listens on this machine only."""
    from rlaif.config import load
    from rlaif.pipeline import need_store

    config = load(file, set, allow_code=OPENS_NO_MODEL)
    need_store(config)
    _serve(config, port, open_)


def start(config: "Config") -> "Thread":
    """Serve the page in a thread, beside a run of the pipeline. Raises InputError if a package is missing."""
    import sys
    from threading import Thread

    _need_packages()
    # The run prints its results to stdout.
    thread = Thread(target=_serve, args=(config, 0, False, sys.stderr), daemon=True)
    thread.start()
    return thread


def _serve(config: "Config", port: int, in_browser: bool, stream: TextIO | None = None) -> None:
    _need_packages()
    from rlaif.pipeline.view_subject import view_subject
    from rlaif.view import serve

    def announce(address: str) -> None:
        text = f"{address}\nOpen this address in a browser on this machine. Ctrl-C ends the page."
        print(text, file=stream, flush=True)
        if in_browser:
            import webbrowser

            webbrowser.open(address)

    serve(view_subject(config), port, announce)


def _need_packages() -> None:
    from importlib.util import find_spec

    from rlaif.core.errors import InputError

    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise InputError("the page needs starlette and uvicorn, which are not installed", fix="pip install 'rlaif[view]'")
