"""Collects votes in the terminal, one task at a time, and stores each vote immediately."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rlaif.core.text import visible
from rlaif.evaluation.labeling.task import LabelingTask, Voter
from rlaif.store.store import Store

if TYPE_CHECKING:
    from rich.console import Console

# Longer documents are shown in full only on demand, so that the responses stay visible.
SHOWN = 3000
VOTES = {"1": "first", "2": "second", "t": "tie"}
KEYS = "1 first, 2 second, t tie, s skip, d whole document, q quit: "


def collect_votes(
    store: Store, voter: Voter, tasks: Sequence[LabelingTask], console: "Console", read: Callable[[str], str] = input
) -> int:
    """Show the tasks in turn and store the votes; return the number of votes.

    Skipped or remaining tasks are shown again next time.
    """
    votes = 0
    for number, task in enumerate(tasks, 1):
        _show(task, console, f"{number:,} of {len(tasks):,}")
        reply = _read_vote(task, console, read)
        if reply == "q":
            break
        if reply in VOTES:
            voter.keep(store, [(task.prompt, task.first, task.second, VOTES[reply])])
            votes += 1
    return votes


def _read_vote(task: LabelingTask, console: "Console", read: Callable[[str], str]) -> str:
    while True:
        try:
            reply = read(KEYS).strip().lower()
        except EOFError:
            return "q"
        if reply in VOTES or reply in ("s", "q"):
            return reply
        if reply == "d":
            console.print(visible(task.document or "(no document)"), markup=False, highlight=False)


def _show(task: LabelingTask, console: "Console", title: str) -> None:
    document = task.document or ""
    if len(document) > SHOWN:
        document = f"{document[:SHOWN]}\n… and {len(document) - SHOWN:,} more characters"
    console.rule(title)
    for heading, text in (
        ("Document", document),
        ("Request", task.request),
        ("1", task.first_text),
        ("2", task.second_text),
    ):
        if text:
            console.print(f"\n{heading}", style="bold", markup=False, highlight=False)
            # Responses are untrusted: hidden and control characters are made visible.
            console.print(visible(text), markup=False, highlight=False)
    console.print()
