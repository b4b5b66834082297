"""Turn replies that another program collected into results, by the code that reads a server's replies in a run.

Such a program sends the `request` of each unit as it is, and keeps the server's reply as it came.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import orjson

from rlaif.config import ModelConfig, OpenAIModel
from rlaif.config.yaml import did_you_mean
from rlaif.context.budget import Budget
from rlaif.core import event_loop
from rlaif.core.errors import TERMINAL, TRANSIENT, InputError, ModelError
from rlaif.core.progress import Tally
from rlaif.models.base import AlwaysOpen, ChatRequest, Completion, Model
from rlaif.models.openai.inspector import Inspector
from rlaif.models.openai.response import read_reply
from rlaif.models.registry import Models
from rlaif.pipeline.work.accounts import UNIT, Accounts, FolderFacts, WorkerContext
from rlaif.pipeline.work.folder import Row, Work, read_rows, read_units
from rlaif.pipeline.work.frozen import thaw
from rlaif.pipeline.work.results import Results, result_row
from rlaif.pipeline.work.tasks import open_task


def convert(folder: Path, work: Work, note: Callable[[str], None]) -> int:
    """Write the replies in the folder as results; return how many units they finish. Replies to finished units are skipped.

    `note` gets a line about what cannot be read. Raises InputError for a reply to a unit that is not in the folder, or that
    takes several requests.
    """
    paths = sorted(path for path in (folder / "replies").glob("[!.]*") if path.suffix in (".jsonl", ".parquet"))
    if not paths:
        return 0
    return event_loop.run(_Conversion(folder, work, note).run(paths))


class _Conversion:
    def __init__(self, folder: Path, work: Work, note: Callable[[str], None]) -> None:
        self._folder, self._note = folder, note
        self._plan = thaw(folder, work)
        self._results = Results(folder)
        accounts = Accounts(self._plan, {})
        facts = FolderFacts(folder, work, self._results, accounts)
        self._context = WorkerContext("", Budget(self._plan.config, accounts.spent), facts)
        self._where = {
            row["unit"]: (task, shard)
            for task in work.tasks
            for shard in task.shards
            for row in read_units(folder, shard, ["unit"])
        }
        self._done: dict[str, set[str]] = {}
        self._recorded = RecordedModels()

    async def run(self, paths: Iterable[Path]) -> int:
        count = 0
        for path in paths:
            by_shard: dict[str, dict[str, Row]] = {}
            for number, row in _rows(path, self._note):
                unit = str(row.get("unit"))
                if unit not in self._where:
                    raise InputError(
                        f"no unit {unit!r} in this folder", where=f"{path}:{number}", fix="Keep the column `unit`."
                    )
                row["where"] = f"{path}:{number}"
                by_shard.setdefault(self._where[unit][1].name, {}).setdefault(unit, row)
            for rows in by_shard.values():
                count += await self._shard(rows)
        return count

    async def _shard(self, replies: Mapping[str, Row]) -> int:
        task, shard = self._where[next(iter(replies))]
        done = self._done.setdefault(shard.name, self._results.finished(shard.name))
        performer = await open_task(self._plan, task, self._context, self._recorded, Tally(task.stage), retries=False)
        found = []
        for unit in read_units(self._folder, shard):
            if unit["unit"] not in replies or unit["unit"] in done:
                continue
            self._recorded.take(unit, replies[unit["unit"]])
            UNIT.set(unit | {"shard": shard.name, "stage": task.stage})
            found.append(result_row(unit, await performer.do(unit), performer.guess(unit)[1]))
        if found:
            self._results.write(shard.name, found)
            done.update(row["unit"] for row in found)
        return len(found)


class RecordedModels(Models):
    """Models whose next reply was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self._reply: Row | None = None

    def take(self, unit: Row, reply: Row) -> None:
        """Take the reply to a unit, which the next request gets. Raises InputError if the unit takes several requests."""
        if unit["request"] is None:
            what = "this unit takes several requests or another API, so it has no `request`"
            raise InputError(what, where=reply["where"], fix="Let `rlaif work` do the units without `request`.")
        self._reply = reply

    async def get(self, config: ModelConfig, *, where: str = "", rewards: bool = False) -> Model:
        assert isinstance(config, OpenAIModel)
        return _Recorded(config, self)

    def next(self) -> Row:
        """Return the recorded reply, once."""
        reply, self._reply = self._reply, None
        if reply is None:
            raise ModelError("malformed", "the recorded reply cannot be used, and there is only one")
        return reply


class _Recorded(AlwaysOpen):
    """A model that answers with recorded replies."""

    concurrency = 1

    def __init__(self, config: OpenAIModel, models: RecordedModels) -> None:
        self._models, self._inspector = models, Inspector(config)

    async def complete(self, request: ChatRequest) -> list[Completion]:
        row = self._models.next()
        if row.get("error"):
            raise ModelError(_kind(row), str(row.get("detail") or row["error"]))
        text = row.get("reply")
        data = text.encode() if isinstance(text, str) else json.dumps(text).encode()
        reply = read_reply(data, request.n)
        found = reply.found
        self._inspector.inspect(request, found)
        if len(found) < request.n:
            missing = ModelError("server", f"the reply has {len(found)} completions instead of {request.n}")
            missing.found = found
            raise missing
        return [found[place] for place in range(request.n)]


def _kind(row: Row) -> str:
    kind, known = str(row["error"]), TRANSIENT | TERMINAL
    if kind not in known:
        raise InputError(f"unknown failure kind {kind!r}", where=row["where"], fix=did_you_mean(kind, sorted(known)))
    return kind


def _rows(path: Path, note: Callable[[str], None]) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file with their numbers. Lines that are not JSON are those of a program that was killed."""
    if path.suffix == ".parquet":
        yield from enumerate(read_rows(path), 1)
        return
    cut = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except ValueError:
                cut += 1
                continue
            if not isinstance(row, dict):
                raise InputError("not an object with `unit` and `reply`", where=f"{path}:{number}")
            yield number, row
    if cut:
        note(f"{path}: {cut:,} lines are not JSON and skipped; their units stay pending")
