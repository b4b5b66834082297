"""What a worker knows besides its units: spending against its part of the budget, notes, and the models that served it."""

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from rlaif.context import pricing
from rlaif.context.budget import Budget
from rlaif.context.facts import Facts
from rlaif.context.spending import Spent
from rlaif.core.errors import InputError
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.work.folder import GENERAL, Row, Task, Work, facts_of, read_results
from rlaif.pipeline.work.frozen import maker_of
from rlaif.pipeline.work.results import Results, fact_row
from rlaif.pipeline.work.share import Share

# The unit that is being done. Notes that are made for it belong to its shard.
UNIT: Final[ContextVar[Row | None]] = ContextVar("unit", default=None)


@dataclass
class Accounts:
    """The spending of a worker on its shards over all its runs, by stage, to hold it within its part of the budget."""

    plan: Plan
    tasks: Mapping[str, Task]
    totals: dict[str, list[int]] = field(default_factory=dict)
    """Units, prompt tokens and output tokens by stage."""

    @classmethod
    def of(cls, folder: Path, work: Work, plan: Plan, share: Share) -> "Accounts":
        """Return the accounts with what earlier runs of this worker have spent, if the pipeline has a budget."""
        accounts = cls(plan, {task.stage: task for task in work.tasks})
        if plan.config.pipeline.budget:
            for task in work.tasks:
                for shard in share.of(task.shards):
                    columns = ["unit", "prompt_tokens", "output_tokens", "facts"]
                    accounts.add(task.stage, read_results(folder, shard.name, columns))
        return accounts

    def add(self, stage: str, rows: Iterable[Row]) -> None:
        """Count results."""
        total = self.totals.setdefault(stage, [0, 0, 0])
        for row in rows:
            total[0] += row["unit"] is not None
            total[1] += row["prompt_tokens"] or 0
            total[2] += row["output_tokens"] or 0

    def spent(self) -> list[Spent]:
        """Return the spending by stage."""
        found = []
        for stage, (units, prompt, output) in self.totals.items():
            model = maker_of(self.plan, self.tasks[stage]).model
            rate = pricing.rate(model) if model else pricing.LOCAL
            usd = rate.cost(prompt, output) if rate else None
            found.append(Spent(stage, self.tasks[stage].name, units, units, prompt, output, usd, "file", 0))
        return found


class FolderFacts:
    """The facts of a folder of work: those that came with the units, and those that this worker made."""

    def __init__(self, folder: Path, work: Work, results: Results, accounts: Accounts) -> None:
        self._results, self._accounts = results, accounts
        self._served = {task.key: task.served for task in work.tasks if task.served}
        for row in read_results(folder, GENERAL, ["unit", "facts"]):
            for each in facts_of(row).get("served_models", []):
                self._served.setdefault(each["judge"], each["model"])
        self._notes: dict[str, dict[tuple[str, str, str], list[Row]]] = {}

    def open(self, shard: str) -> None:
        """Read the notes of a shard before its units are done."""
        self._notes[shard] = {}
        for note in self._results.notes(shard):
            self._remember(shard, note)

    def close(self, shard: str) -> None:
        """Forget the notes of a shard that is finished."""
        self._notes.pop(shard, None)

    def _remember(self, shard: str, note: Mapping[str, Any]) -> None:
        name = note["prompt"], note["judge"], note["criterion"]
        self._notes.setdefault(shard, {}).setdefault(name, []).append(dict(note))

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        unit = UNIT.get() if table == "notes" else None
        shard = unit["shard"] if unit else GENERAL
        row = fact_row(table, rows)
        self._results.write(shard, [row])
        if table == "served_models":
            self._served |= {each["judge"]: each["model"] for each in rows}
        if unit:
            self._accounts.add(unit["stage"], [row])
            for note in rows:
                self._remember(shard, note)

    def served(self, judge: str) -> str | None:
        return self._served.get(judge)

    def note(self, prompt: str, judge: str, criterion: str) -> Row | None:
        unit = UNIT.get()
        if unit is None:
            return None
        given = orjson.loads(unit["notes"]) if unit.get("notes") else []
        before = next((each for each in given if each["criterion"] == criterion), None)
        made = self._notes.get(unit["shard"], {}).get((prompt, judge, criterion), [])
        whole = next((each for each in [before, *made] if each and each["failure"] is None), None)
        if whole or not (made or before):
            return whole
        attempts = len(made) + (before["attempts"] if before else 0)
        return (made[-1] if made else before or {}) | {"attempts": attempts}


@dataclass(frozen=True)
class WorkerContext:
    """What a worker's models and judges get instead of the context of a run."""

    run: str
    budget: Budget
    facts: Facts


def refuse_other_models(tasks: Sequence[Task], served: Iterable[tuple[str, str]]) -> None:
    """Check that one model served each judge. Raises InputError if workers or earlier runs met several."""
    known = {task.key: task.served for task in tasks if task.served}
    names = {task.key: task.name for task in tasks}
    for judge, model in served:
        if known.setdefault(judge, model) != model:
            raise InputError(
                f"judge {names.get(judge)!r} was served by the model {known[judge]!r} and by {model!r}, and their scores "
                "must not be mixed",
                fix="Set the judge's `model` to the exact version, and write its work again.",
            )
