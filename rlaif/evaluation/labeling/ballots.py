"""Checks the votes in a filled-in file against the store, whatever the file's format."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rlaif.core.errors import InputError
from rlaif.evaluation.labeling.task import Vote, Voter
from rlaif.store.store import Store

VOTES: Final = {"first": "first", "1": "first", "second": "second", "2": "second", "tie": "tie", "t": "tie"}


@dataclass(frozen=True)
class Line:
    """One vote of a file: its location, the keys of its two responses, and the value of `preferred`; empty means no vote."""

    where: str
    first: str
    second: str
    vote: str


def new_votes(store: Store, voter: Voter, lines: Sequence[Line]) -> list[Vote]:
    """Return the votes in the lines of one person that are not stored yet.

    Raises InputError for values that are no vote, for contradictory votes, and for responses that the store lacks.
    """
    answers = [answer for line in lines for answer in (line.first, line.second)]
    rows = store.query(
        "SELECT DISTINCT answer, prompt FROM responses "
        "WHERE failure IS NULL AND answer IN (SELECT unnest($answers::VARCHAR[]))",
        answers=answers,
    )
    prompts = {row["answer"]: row["prompt"] for row in rows}
    stored = voter.votes(store)
    votes: list[Vote] = []
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for line in lines:
        prompt = prompts.get(line.first)
        if prompt is None or prompts.get(line.second) != prompt or line.first == line.second:
            raise InputError(
                "`ballot` does not name two responses to one prompt in this store",
                where=line.where,
                fix="Check that the file belongs to this pipeline.",
            )
        if not line.vote:
            continue
        pair, vote = (min(line.first, line.second), max(line.first, line.second)), _vote(line)
        preferred = {"first": line.first, "second": line.second, "tie": "tie"}[vote]
        before, where = seen.setdefault(pair, (preferred, line.where))
        _check_same(line, voter, preferred, before, where)
        if pair in stored:
            _check_same(line, voter, preferred, stored[pair], "")
        elif where == line.where:
            votes.append((prompt, line.first, line.second, vote))
    return votes


def _vote(line: Line) -> str:
    if line.vote not in VOTES:
        raise InputError(
            f"preferred is {line.vote!r}",
            where=line.where,
            fix="Write first, second or tie (or 1, 2, t), or leave it empty.",
        )
    return VOTES[line.vote]


def _check_same(line: Line, voter: Voter, preferred: str, before: str, where: str) -> None:
    """Raise InputError if a vote contradicts another one on the same two responses."""
    if preferred == before:
        return
    other = (
        "is a tie" if before == "tie" else f"is for the {'first' if before == line.first else 'second'} answer of this row"
    )
    raise InputError(
        f"contradictory votes on the same two answers: this one is {line.vote!r}, and "
        f"{where or f'the stored vote of {voter.name}'} {other}",
        where=line.where,
        fix="Leave one of the two `preferred` cells empty." if where else "Leave the cell empty to keep the stored vote.",
    )
