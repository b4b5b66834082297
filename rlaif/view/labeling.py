"""Who labels what in this process: each person's queue, what they skipped, and which vote they can undo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from rlaif.core.errors import InputError
from rlaif.evaluation import Agreement, agreement
from rlaif.evaluation.labeling import LabelingTask, Voter, labeling_tasks
from rlaif.store.store import Row, Store
from rlaif.view.access import Access

# Tasks that are read at once.
QUEUE: Final = 50
LONGEST_NAME: Final = 60
VOTES: Final = ("first", "second", "tie")
ORDERS: Final = {"telling": "most telling first", "random": "at random"}

Pair = tuple[str, str]


@dataclass
class Person:
    """The state of one person; `done` are the tasks voted on, in order. `order` is one of `ORDERS`."""

    voter: Voter
    order: str = "telling"
    queue: list[LabelingTask] = field(default_factory=list)
    skipped: set[Pair] = field(default_factory=set)
    done: list[LabelingTask] = field(default_factory=list)


@dataclass(frozen=True)
class Progress:
    """The votes of a person, the number of prompts that can be voted on, and the agreement with each judge."""

    votes: int
    prompts: int
    agreements: Sequence[Agreement]


class Labeling:
    """The labeling by all people in this process. Votes are in the store at once; the rest is forgotten with the process."""

    def __init__(self, generators: Callable[[Store], Sequence[str]]) -> None:
        self._generators = generators
        self._people: dict[str, Person] = {}
        self._lock = Lock()

    def person(self, name: str) -> Person:
        """Return the state of a person. Raises InputError for an empty, long or unprintable name."""
        name = name.strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise InputError(f"{name[:LONGEST_NAME]!r} is not a name", where="by", fix="Use up to 60 printable characters.")
        with self._lock:
            return self._people.setdefault(name, Person(Voter(name)))

    def arrange(self, person: Person, order: str) -> None:
        """Set the order of the person's queue."""
        if order not in ORDERS:
            raise InputError(f"unknown order {order!r}", where="order", fix=f"Use one of: {', '.join(ORDERS)}.")
        with self._lock:
            if person.order != order:
                person.order, person.queue = order, []

    def task(self, store: Store, person: Person) -> LabelingTask | None:
        """Return the task that the person sees next, None if there is none."""
        if not person.queue:
            limit = QUEUE + len(person.skipped)
            telling = person.order == "telling"
            tasks = labeling_tasks(store, person.voter, self._generators(store), limit=limit, informative=telling)
            person.queue = [task for task in tasks if _pair(task) not in person.skipped]
        return person.queue[0] if person.queue else None

    def vote(self, access: Access, person: Person, pair: Pair, vote: str) -> None:
        """Store the vote on the task that is shown. A form that is sent twice, or from an old page, changes nothing.

        Raises StoreError if another process uses the store; the task then stays.
        """
        if vote not in VOTES:
            raise InputError(f"{vote!r} is not a vote", where="vote", fix=f"Use one of: {', '.join(VOTES)}.")
        with self._lock:
            if not person.queue or _pair(person.queue[0]) != pair:
                return
            task = person.queue[0]
            with access.writing() as store:
                person.voter.keep(store, [(task.prompt, task.first, task.second, vote)])
            person.done.append(person.queue.pop(0))

    def skip(self, person: Person, pair: Pair) -> None:
        """Leave the task that is shown for another day."""
        with self._lock:
            if person.queue and _pair(person.queue[0]) == pair:
                person.skipped.add(_pair(person.queue.pop(0)))

    def undo(self, access: Access, person: Person) -> None:
        """Take back the person's last vote of this process, and show that task again."""
        with self._lock:
            if not person.done:
                return
            task = person.done[-1]
            with access.writing() as store:
                person.voter.take_back(store, task.first, task.second)
            person.queue.insert(0, person.done.pop())

    def progress(self, store: Store, person: Person, judges: Sequence[str]) -> Progress:
        """Return the person's progress, and the agreement with these judges (keys) where there is any."""
        votes = len(person.voter.votes(store))
        prompts = store.query("view/sql/prompts_to_label", generators=list(self._generators(store)))[0]["n"]
        found = [agreement(store, person.voter.key, key) for key in judges] if votes else []
        return Progress(votes, prompts, [each for each in found if each.pairs])


def people(store: Store) -> list[Row]:
    """Return the people who have voted, with their numbers of votes."""
    return store.query("view/sql/people")


def _pair(task: LabelingTask) -> Pair:
    return task.first, task.second
