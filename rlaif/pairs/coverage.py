"""Check whether judges have scored the responses to pair: without scores there are no pairs, which looks like a result."""

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.pairs.weights import PairJudge
from rlaif.store.store import Store


@dataclass(frozen=True)
class Coverage:
    """The number of responses to pair, and how many of them are judged; failed judgements count, because they were tried."""

    responses: int
    judged: int

    @property
    def missing(self) -> bool:
        """Whether there are responses to judge and none of them is judged."""
        return self.responses > 0 and self.judged == 0

    @property
    def partial(self) -> bool:
        return 0 < self.judged < self.responses


def coverage(
    store: Store, members: Sequence[PairJudge], generators: Sequence[str], *, after: str | None = None, every: bool = True
) -> Coverage:
    """Count the responses of these generators (keys) to active prompts that these judges together have judged.

    A response counts as judged if it has all criteria with weight of all the judges; one criterion is enough unless `every`.
    In a cascade, `after` is the key of the judge before: only the prompts that it escalated count.
    """
    wanted = [
        {"judge": member.key, "criterion": row["key"]} for member in members for row in member.criteria if row["weight"]
    ]
    compares = any(row.get("kind") == "compare" for member in members for row in member.criteria)
    (row,) = store.query(
        "pairs/sql/coverage",
        judges=[member.key for member in members],
        wanted=wanted,
        generators=list(generators),
        after=after,
        every=every,
        two=compares,
    )
    return Coverage(**row)
