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
KEYS = "1 first, 2 second, t tie, s skip, u undo, d whole document, q quit: "
END = "That was the last pair. u undo, q quit: "


def collect_votes(
    store: Store, voter: Voter, tasks: Sequence[LabelingTask], console: "Console", read: Callable[[str], str] = input
) -> int:
    """Show the tasks in turn and store the votes; return the number of votes. `read` asks for a key or a line.

    Skipped or remaining tasks are shown again next time. Undoing takes the last vote back and shows its task again.
    """
    place, voted = 0, list[int]()
    while (reply := _read_at(place, tasks, console, read)) != "q":
        if reply == "u":
            if voted:
                place = voted.pop()
                voter.take_back(store, tasks[place].first, tasks[place].second)
            continue
        if reply in VOTES:
            task = tasks[place]
            voter.keep(store, [(task.prompt, task.first, task.second, VOTES[reply])])
            voted.append(place)
        place += 1
    return len(voted)


def _read_at(place: int, tasks: Sequence[LabelingTask], console: "Console", read: Callable[[str], str]) -> str:
    """Show the task at this place and return the reply; after the last one, only undo and quit are left."""
    if place == len(tasks):
        return "u" if _reply(read, END) == "u" else "q"
    task = tasks[place]
    _show(task, console, f"{place + 1:,} of {len(tasks):,}")
    while True:
        reply = _reply(read, KEYS)
        if reply in VOTES or reply in ("s", "u", "q"):
            return reply
        if reply == "d":
            console.print(visible(task.document or "(no document)"), markup=False, highlight=False)


def _reply(read: Callable[[str], str], question: str) -> str:
    try:
        return read(question).strip().lower()
    except EOFError:
        return "q"


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
