"""The command line: one verb a stage, `run` for all of them, and a few to look at what there is.

Results go to stdout, progress and messages to stderr. Each file brings its verbs to the command, in the order of the help.
"""

# The order in which they come here is the order of the help.
from rlaif.cli import whole, stages, trust, pairs, store, file, tiny  # isort: skip
from rlaif.cli.app import app
from rlaif.cli.session import main

__all__ = ["app", "file", "main", "pairs", "stages", "store", "tiny", "trust", "whole"]
