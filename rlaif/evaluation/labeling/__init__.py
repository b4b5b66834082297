"""Collects blind votes by people, in the terminal or in files, and stores them as the comparisons of a judge."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rlaif.evaluation.labeling import csv, label_studio
from rlaif.evaluation.labeling.ballots import Line, new_votes
from rlaif.evaluation.labeling.task import LabelingTask, Voter, labeling_tasks, tasks_of_pairs
from rlaif.evaluation.labeling.terminal import collect_votes
from rlaif.store.store import Store

__all__ = ["LabelingTask", "Voter", "collect_votes", "label_studio", "labeling_tasks", "read", "tasks_of_pairs", "write"]

write = csv.write


def read(store: Store, voter: Voter, path: Path) -> dict[str, tuple[int, int]]:
    """Store the votes of a filled-in file; return by judge the number of new votes, and of lines without or already stored.

    A JSON file is an export of Label Studio, whose annotators are persons named after the voter: `ann-1` is annotator 1.
    Other files are CSV. `preferred` is first, second or tie (or 1, 2, t); empty means no vote. Raises InputError for other
    values and for contradictory votes, and then stores nothing.
    """
    people: Mapping[Voter, Sequence[Line]]
    if path.suffix == ".json":
        people = {Voter(f"{voter.person}-{annotator}"): lines for annotator, lines in label_studio.read(path).items()}
    else:
        people = {voter: csv.read(path)}
    votes = {each: new_votes(store, each, lines) for each, lines in people.items()}
    for each, new in votes.items():
        each.keep(store, new)
    return {each.name: (len(votes[each]), len(lines) - len(votes[each])) for each, lines in people.items()}
