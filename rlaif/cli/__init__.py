"""The command line: one command per stage, `run` for all of them, and commands that read the store.

Results go to stdout, progress and messages to stderr. Each module registers its commands with the application.
"""

# isort: off
# Commands are listed in the help in the order of these imports.
from rlaif.cli import run
from rlaif.cli import stages
from rlaif.cli import work
from rlaif.cli import export
from rlaif.cli import inspect
from rlaif.cli import view
from rlaif.cli import audit
from rlaif.cli import rubric
from rlaif.cli import config
from rlaif.cli import models
from rlaif.cli import demo

# isort: on
from rlaif.cli.app import app
from rlaif.cli.session import main

__all__ = [
    "app",
    "audit",
    "config",
    "demo",
    "export",
    "inspect",
    "main",
    "models",
    "rubric",
    "run",
    "stages",
    "view",
    "work",
]
