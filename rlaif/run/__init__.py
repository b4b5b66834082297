"""The stages in order: each function does one verb of the command line, `everything` does them all.

Nothing here is remembered between stages but what the store holds, so any verb may be run alone, again, or after a stop.
"""

from rlaif.run.answers import collect, generate, generate_and_judge, judge
from rlaif.run.beforehand import check, check_pairs
from rlaif.run.pairs import described, export, newest, pair, paired, top_up
from rlaif.run.store import opened, resolved, status
from rlaif.run.trained import agreements, evaluate, prepare_training, report, train
from rlaif.run.whole import everything

__all__ = [
    "agreements", "check", "check_pairs", "collect", "described", "evaluate", "everything", "export", "generate",
    "generate_and_judge", "judge", "newest", "opened", "pair", "paired", "prepare_training", "report", "resolved",
    "status", "top_up", "train",
]  # fmt: skip
