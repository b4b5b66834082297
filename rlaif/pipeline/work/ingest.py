"""Append the results in a folder of work to the store, each fact once."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from rlaif.context.run import Context
from rlaif.core.errors import InputError
from rlaif.judging.judge import Judge
from rlaif.pipeline import versions
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging
from rlaif.pipeline.work import frozen
from rlaif.pipeline.work.accounts import refuse_other_models
from rlaif.pipeline.work.fact_check import FactCheck, check_tables
from rlaif.pipeline.work.folder import GENERAL, Kind, Row, Task, facts_of, read_results, read_units, read_work
from rlaif.pipeline.work.replies import convert
from rlaif.store.store import Store

# The tables of each kind's facts, besides those of GENERAL.
_TABLES: Final[dict[Kind, tuple[str, ...]]] = {
    "sample": ("rendered_prompts", "responses"),
    "score": ("verdicts", "scores", "findings", "notes"),
    "compare": ("verdicts", "comparisons"),
}
_GENERAL: Final = ("served_models", "server_observations", "auxiliary_calls")
# The columns that identify a fact of each table. Scores, findings and comparisons follow their verdict.
_IDENTITY: Final[dict[str, tuple[str, ...]]] = {
    "rendered_prompts": ("prompt", "generator"),
    "responses": ("key", "attempt"),
    "verdicts": ("key",),
    "notes": ("prompt", "judge", "criterion", "created"),
    "served_models": ("judge", "model"),
    "server_observations": ("run", "server", "model", "remark", "value", "created"),
    "auxiliary_calls": ("run", "stage", "created"),
}
_OF_VERDICTS: Final = ("scores", "findings", "comparisons")
# The table whose rows count as units of work.
_OUTCOMES: Final[dict[Kind, str]] = {"sample": "responses", "score": "verdicts", "compare": "verdicts"}
# Units that are appended in one transaction.
BATCH: Final = 8192


@dataclass
class Ingested:
    """What was appended for one task: units that are done, and failed ones by kind; `known` are those that the store had.

    `left` is the number of units without a result.
    """

    stage: str
    done: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    known: int = 0
    left: int = 0


def ingest(plan: Plan, context: Context, folder: Path, *, allow_code: bool = False) -> list[Ingested]:
    """Append the results in a folder to the store, each once, and record their cost; return what was appended.

    A folder can be ingested again, also while workers fill it. Raises InputError if it holds the work of another plan, or
    results that are not those of its units.
    """
    work = read_work(folder)
    for task in work.tasks:
        _check(plan, task, folder)
    convert(folder, work, context.progress.note)
    general = [facts_of(row) for row in read_results(folder, GENERAL, ["unit", "facts"])]
    check_tables(general, _GENERAL, str(folder))
    served = [(row["judge"], row["model"]) for facts in general for row in facts.get("served_models", [])]
    stored = context.store.query("SELECT judge, model FROM served_models ORDER BY rowid")
    refuse_other_models(work.tasks, [*((row["judge"], row["model"]) for row in stored), *served])
    for task in work.tasks:
        _register(plan, context, task, allow_code)
    found = [_ingest_task(plan, context, folder, task) for task in work.tasks]
    append(context, general, _GENERAL)
    return found


def _check(plan: Plan, task: Task, folder: Path) -> None:
    """Check that the plan still has the maker of a task. Raises InputError, which names the difference."""
    maker = frozen.maker_of(plan, task)
    criteria = {each.key for each in maker.rubric.criteria} if isinstance(maker, Judge) else set()
    if maker.key != task.key or not set(task.criteria) <= criteria:
        again = plan.config.command("pending", "--stage", "generate" if task.kind == "sample" else "judge", "--to", "DIR")
        raise InputError(
            f"the work of {task.stage} is that of another plan: {frozen.different(task, plan)}",
            where=str(folder),
            fix=f"Change {plan.config.file.path} back, or write its present work: `{again}`.",
        )


def _register(plan: Plan, context: Context, task: Task, allow_code: bool) -> None:
    maker = frozen.maker_of(plan, task)
    if isinstance(maker, Judge):
        judging.register(context, maker, allow_code)
    else:
        versions.use_generator(context.store, maker.key, maker.name, maker.spec, rename=True)


def _ingest_task(plan: Plan, context: Context, folder: Path, task: Task) -> Ingested:
    found, first, last = Ingested(task.stage), datetime.max, datetime.min
    with context.stage(task.stage) as tally:
        for results in _batches(plan, folder, task, found):
            new = append(context, results, _TABLES[task.kind])
            outcomes = new.get(_OUTCOMES[task.kind], [])
            for outcome in outcomes:
                tally.finish(outcome)
                first, last = min(first, outcome["created"]), max(last, outcome["created"])
            for row in [*outcomes, *new.get("notes", [])] if task.kind != "sample" else ():
                tally.add(calls=row["calls"] or 0)
            for note in new.get("notes", []):
                tally.add(prompt_tokens=note["prompt_tokens"], output_tokens=note["output_tokens"])
            if task.kind == "sample":
                tally.add(calls=len({(row["prompt"], row["attempt"]) for row in outcomes}))
            found.known += sum(len(facts.get(_OUTCOMES[task.kind], [])) for facts in results) - len(outcomes)
        # The workers' time, from which the stage's rate follows.
        tally.started = time.monotonic() - max((last - first).total_seconds(), 0.0) if tally.done else tally.started
    found.done, found.failed = tally.done, dict(tally.failures)
    return found


def _batches(plan: Plan, folder: Path, task: Task, found: Ingested) -> Iterator[list[dict[str, list[Row]]]]:
    """Yield the facts of about BATCH units at a time, checked; count the units without a result."""
    check, batch = FactCheck(plan, task), list[dict[str, list[Row]]]()
    for shard in task.shards:
        units = {row["unit"]: row for row in read_units(folder, shard, check.columns)}
        results = list(read_results(folder, shard.name, ["unit", "facts"]))
        found.left += len(units) - sum(row["unit"] is not None for row in results)
        for row in results:
            facts = facts_of(row)
            check.check(facts, row["unit"], units, f"{folder}/results/{shard.name}")
            batch.append(facts)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def append(context: Context, results: Sequence[Mapping[str, list[Row]]], tables: Sequence[str]) -> dict[str, list[Row]]:
    """Append the facts that the store lacks, all or none; return them by table."""
    store, new = context.store, dict[str, list[Row]]()
    for table in tables:
        rows = [row for facts in results for row in facts.get(table, [])]
        for row in rows:
            if "created" in row:
                row["created"] = datetime.fromisoformat(row["created"])
        if table in _OF_VERDICTS:
            verdicts = {row["key"] for row in new["verdicts"]}
            new[table] = [row for row in rows if row["verdict"] in verdicts]
        elif rows:
            new[table] = _unknown(store, table, rows)
        else:
            new[table] = []
    if "responses" in new:
        newest = generating.newest_pairing(store)
        new["responses"] = [row | newest for row in new["responses"]]
    with store.transaction():
        for table, rows in new.items():
            store.append(table, rows)
    return new


def _unknown(store: Store, table: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows that the store does not have, each once."""
    names = _IDENTITY[table]
    query = f"SELECT DISTINCT {', '.join(names)} FROM {table} WHERE {names[0]} IN (SELECT unnest($values::VARCHAR[]))"
    known = {tuple(row.values()) for row in store.rows(query, values=list({row[names[0]] for row in rows}))}
    found = []
    for row in rows:
        identity = tuple(row[name] for name in names)
        if identity not in known:
            known.add(identity)
            found.append(row)
    return found
