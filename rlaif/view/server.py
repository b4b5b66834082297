"""Runs the page's server on the loopback interface until it is interrupted."""

import os
import secrets
import socket
from collections.abc import Callable
from typing import Final

from rlaif.core.errors import InputError
from rlaif.view.app import application
from rlaif.view.subject import Subject

ADDRESS: Final = "127.0.0.1"
# The priority of the page's process is lowered by this much, so that a run on the same machine is served first.
NICE: Final = 5


def serve(subject: Subject, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page at this port (0: a free one) until Ctrl-C; call `announce` with its address once it can be opened.

    Raises InputError if the port is in use.
    """
    import uvicorn

    if hasattr(os, "nice"):
        os.nice(NICE)
    try:
        listening = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise InputError(f"port {port}: {error.strerror}", where="view --port", fix="Choose another port.") from None
    with listening:
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        app = application(subject, token, port)
        config = uvicorn.Config(app, log_level="error", access_log=False, server_header=False)
        announce(f"http://{ADDRESS}:{port}/?token={token}")
        uvicorn.Server(config).run(sockets=[listening])
