"""Write the pending units of a stage to a folder, so that any engine on any machine can do them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

import orjson

from rlaif import __version__
from rlaif.config import OpenAIModel
from rlaif.context.run import EVERYTHING, Context
from rlaif.core import event_loop
from rlaif.core.errors import InputError
from rlaif.core.progress import Tally
from rlaif.judging.context import JudgeContext
from rlaif.judging.judge import Judge
from rlaif.models.base import ChatRequest
from rlaif.models.openai.request import body
from rlaif.pipeline import cascade, pairwise, versions
from rlaif.pipeline.generator import Generator
from rlaif.pipeline.pending import PendingUnits
from rlaif.pipeline.plan import Plan
from rlaif.pipeline.readiness import need_prompts, need_responses
from rlaif.pipeline.stages import generate as generating
from rlaif.pipeline.stages import judge as judging
from rlaif.pipeline.work import frozen, tasks
from rlaif.pipeline.work.folder import FORMAT, MANIFEST, Kind, Row, Shard, Task, Work, durable, units_path, write_units

# Units of a shard: some seconds to minutes of work, and some megabytes.
SHARD_UNITS: Final = 1024
# How to make the request of a unit; None if it takes several.
Request = Callable[[Row], ChatRequest | Awaitable[ChatRequest | None]]
# The notes of these prompts by a judge, as the judge reads them.
_NOTES: Final = """
    SELECT prompt, criterion FROM notes WHERE judge = $judge AND prompt IN (SELECT unnest($prompts::VARCHAR[]))
    GROUP BY prompt, criterion
"""


def write_pending(
    plan: Plan,
    context: Context,
    stage: Literal["generate", "judge"],
    folder: Path,
    *,
    judges: Sequence[str] = (),
    allow_code: bool = False,
    shard: int = SHARD_UNITS,
) -> Work:
    """Write the pending units of a stage into a new folder; return its manifest.

    In a cascade or a knock-out, later units depend on the results of earlier ones: ingest those, then write the next ones.
    Raises InputError if the folder is in use, or if the pipeline has rounds, which train between their stages.
    """
    config = context.config
    if config.pipeline.rounds:
        where = config.file.where(("rounds",))
        raise InputError(
            "the work of rounds cannot be written, because each round trains",
            where=where,
            fix="Run each round with `rlaif run`, or remove `rounds`.",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        fix = f"Name a new folder, or ingest this one: `{config.command('ingest', str(folder))}`."
        raise InputError("exists and is not empty", where=str(folder), fix=fix)
    need_prompts(context)
    writer = _Writer(context, folder, shard)
    if stage == "generate":
        generating.render_imported(plan, context)
        event_loop.run(_samples(plan, context, writer))
    else:
        need_responses(plan, context)
        event_loop.run(_judgements(plan, context, writer, judges, allow_code))
    used = [frozen.maker_of(plan, task) for task in writer.tasks]
    generators = [each for each in used if isinstance(each, Generator)]
    named = {each.name: each for each in used if isinstance(each, Judge)}
    frozen.freeze(context, folder, generators, list(named.values()))
    work = Work(format=FORMAT, version=__version__, stage=stage, tasks=writer.tasks)
    with durable(folder / MANIFEST) as temporary:
        temporary.write_text(work.model_dump_json(indent=1), encoding="utf-8")
    return work


async def _samples(plan: Plan, context: Context, writer: "_Writer") -> None:
    for generator in plan.generators:
        versions.use_generator(context.store, generator.key, generator.name, generator.spec, rename=True)
        pending = PendingUnits(
            context.store, "generate", "prompt", **generating.pending_parameters(context.config, generator, EVERYTHING)
        )
        await writer.write("sample", generator, pending, partial(generating.request_of, generator=generator))


async def _judgements(plan: Plan, context: Context, writer: "_Writer", names: Sequence[str], allow_code: bool) -> None:
    for name in names or plan.judge_stage:
        judge = cascade.escalate_to(plan, context, name)
        judging.register(context, judge, allow_code)
        wanted = judging.pending_parameters(judge, plan.generator_keys(context.store), EVERYTHING)
        requests = _JudgeRequests(judge)
        if judge.calls:
            calls = judging.call_parameters(judge)
            pending = PendingUnits(context.store, "judge", "answer", calls=calls, **wanted)
            await writer.write("score", judge, pending, requests.of_score)
        if judge.compared:
            schedules = pairwise.schedules(judge.compared.values())
            pending = PendingUnits(context.store, "pairwise", "prompt", criteria=schedules, **wanted)
            await writer.write("compare", judge, pending, requests.of_comparison)


class _JudgeRequests:
    """The requests of a judge's units, for units that take one request; None for others."""

    def __init__(self, judge: Judge) -> None:
        self._judge, self._model = judge, tasks.CaptureModel()
        ready = JudgeContext(judge.settings, judge.template, self._model, templates=judge.templates)
        self._score, self._compare = (each(judge, ready, Tally("")).do for each in (tasks.scoring, tasks.comparing))

    async def of_score(self, row: Row) -> ChatRequest | None:
        if any(criterion.kind != "scale" for criterion in self._judge.calls[row["call"]].criteria):
            return None
        await self._score(row)
        return self._model.request

    async def of_comparison(self, row: Row) -> ChatRequest | None:
        await self._compare(row)
        return self._model.request


@dataclass
class _Writer:
    """Writes units into shards, with all units of a prompt in one shard: its notes are then made once."""

    context: Context
    folder: Path
    size: int
    tasks: list[Task] = field(default_factory=list)
    _shards: int = 0

    async def write(self, kind: Kind, maker: Generator | Judge, pending: PendingUnits, request: Request) -> None:
        """Write the pending units of a generator or judge."""
        facts = self.context.facts
        task = Task(
            kind=kind,
            stage=maker.stage if isinstance(maker, Generator) else f"judge {maker.name}",
            name=maker.name,
            key=maker.key,
            spec=json.loads(json.dumps(maker.spec)),
            criteria=[each.key for each in maker.rubric.criteria] if isinstance(maker, Judge) else [],
            served=facts.served(maker.key) if isinstance(maker, Judge) else None,
            shards=[],
        )
        self.context.progress.note(f"{task.stage}: {pending.count:,} pending units")
        async for rows in _grouped(pending, self.size):
            units = [await self._unit(kind, maker, row, request) for row in rows]
            if kind == "score":
                self._add_notes(maker.key, units)
            outcomes = sum(len(unit.get("samples", [None])) for unit in units)
            shard = Shard(name=f"{self._shards:05d}", units=len(units), outcomes=outcomes)
            write_units(units_path(self.folder, shard), kind, units)
            task.shards.append(shard)
            self._shards += 1
        if task.shards:
            self.tasks.append(task)

    async def _unit(self, kind: Kind, maker: Generator | Judge, row: Row, request: Request) -> Row:
        found = request(row)
        sent = found if isinstance(found, ChatRequest) else await found
        unit = row | {"unit": tasks.unit_key(kind, maker, row), "request": None, "notes": None}
        # Servers take different dialects of other APIs, and only this one is a common language.
        if sent and isinstance(maker.model, OpenAIModel):
            unit["request"] = orjson.dumps(body(maker.model, sent, sent.seeds)).decode()
        if kind == "compare":
            unit |= {f"{side}_text": row["texts"][row[side]] for side in ("first", "second")}
        return unit

    def _add_notes(self, judge: str, units: list[Row]) -> None:
        """Add the notes that the judge has already made on the prompts."""
        prompts = list({unit["prompt"] for unit in units})
        notes: dict[str, list[Row]] = {}
        for row in self.context.store.rows(_NOTES, judge=judge, prompts=prompts):
            found = self.context.facts.note(row["prompt"], judge, row["criterion"])
            if found:
                notes.setdefault(row["prompt"], []).append(row | found)
        for unit in units:
            if unit["prompt"] in notes:
                unit["notes"] = orjson.dumps(notes[unit["prompt"]]).decode()


async def _grouped(rows: AsyncIterator[Row] | PendingUnits, size: int) -> AsyncIterator[list[Row]]:
    """Yield lists of about `size` rows. Rows of one prompt, which follow each other, stay together."""
    group: list[Row] = []
    async for row in rows:
        if len(group) >= size and row["prompt"] != group[-1]["prompt"]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
