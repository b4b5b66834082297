"""Votes in the terminal: one ballot after the other, each vote stored at once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rlaif.core.text import visible
from rlaif.evaluation.labeling.task import Ballot, Voter
from rlaif.store.store import Store

if TYPE_CHECKING:
    from rich.console import Console

# Longer documents are shown whole only on demand, so that the responses stay in sight.
SHOWN = 3000
VOTES = {"1": "first", "2": "second", "t": "tie"}
KEYS = "1 first, 2 second, t tie, s skip, d whole document, q quit: "


def ask(
    store: Store, voter: Voter, ballots: Sequence[Ballot], console: "Console", read: Callable[[str], str] = input
) -> int:  # fmt: skip
    """Show the ballots in turn and store the votes; return how many there were.

    Ballots that are skipped, or left when the person quits, come again next time.
    """
    votes = 0
    for number, ballot in enumerate(ballots, 1):
        _show(ballot, console, f"{number:,} of {len(ballots):,}")
        said = _listen(ballot, console, read)
        if said == "q":
            break
        if said in VOTES:
            voter.keep(store, [(ballot.prompt, ballot.first, ballot.second, VOTES[said])])
            votes += 1
    return votes


def _listen(ballot: Ballot, console: "Console", read: Callable[[str], str]) -> str:
    while True:
        try:
            said = read(KEYS).strip().lower()
        except EOFError:
            return "q"
        if said in VOTES or said in ("s", "q"):
            return said
        if said == "d":
            console.print(visible(ballot.document or "There is no document."), markup=False, highlight=False)


def _show(ballot: Ballot, console: "Console", title: str) -> None:
    document = ballot.document or ""
    if len(document) > SHOWN:
        document = f"{document[:SHOWN]}\n… and {len(document) - SHOWN:,} more characters"
    console.rule(title)
    for heading, text in (("Document", document), ("Request", ballot.request), ("1", ballot.first_text),
                          ("2", ballot.second_text)):  # fmt: skip
        if text:
            console.print(f"\n{heading}", style="bold", markup=False, highlight=False)
            # Responses are untrusted: hidden and control characters are made visible.
            console.print(visible(text), markup=False, highlight=False)
    console.print()
