"""The result of one unit of work of any stage that calls models, and how results are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlaif.core.progress import Tally
from rlaif.store.store import Row, Store


@dataclass(frozen=True)
class UnitResult:
    """The rows to store for one unit, by table. `outcomes` are those that count as units of work: at least one."""

    facts: Mapping[str, list[Row]]
    outcomes: list[Row]

    @property
    def failed(self) -> tuple[str | None, str | None]:
        """The kind and detail of the failure if no outcome is usable, otherwise None and None."""
        row = next((outcome for outcome in self.outcomes if not outcome.get("failure")), self.outcomes[0])
        return row.get("failure"), row.get("detail")


def store_results(store: Store, batch: Sequence[UnitResult], tally: Tally) -> None:
    """Store the results of units of one stage in one transaction, then count them."""
    with store.transaction():
        for table in batch[0].facts:
            store.append(table, [row for result in batch for row in result.facts[table]])
    for result in batch:
        for outcome in result.outcomes:
            tally.finish(outcome)
