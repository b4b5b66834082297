"""What a judge writes down once about a prompt, kept in the store: shared by all its responses, runs and resumes."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from rlaif.context import now
from rlaif.errors import TRANSIENT
from rlaif.judges.bench import Note
from rlaif.progress import Tally
from rlaif.records import Prompt
from rlaif.store import Store

# Answers come grouped by prompt, so older ones are hardly asked for again; those are read from the store.
REMEMBERED = 4096


class Notes:
    """The notes of one judge (its key). What making them costs is counted in `tally`."""

    def __init__(self, store: Store, judge: str, tally: Tally) -> None:
        self._store = store
        self._judge = judge
        self._tally = tally
        self._tasks: dict[tuple[str, str], asyncio.Task[Note]] = {}

    async def once(self, prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        """The note on a prompt for a criterion (its key); made where there is none, by the first who asks."""
        name = (prompt.key, criterion)
        if name not in self._tasks:
            self._forget()
            self._tasks[name] = asyncio.create_task(self._find(*name, make))
        try:
            note = await asyncio.shield(self._tasks[name])
        except BaseException:
            self._tasks.pop(name, None)
            raise
        if note.failure in TRANSIENT:
            self._tasks.pop(name, None)
        return note

    async def _find(self, prompt: str, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        wanted = {"prompt": prompt, "judge": self._judge, "criterion": criterion}
        known = await asyncio.to_thread(self._store.query, "judge/note", **wanted)
        if known:
            return Note(json.loads(known[0]["texts"]))
        note = await make()
        self._tally.add(calls=note.calls, prompt_tokens=note.prompt_tokens, output_tokens=note.output_tokens)
        row = {
            "prompt": prompt, "judge": self._judge, "criterion": criterion, "texts": json.dumps(note.texts),
            "raw": note.raw, "failure": note.failure, "detail": note.detail,
            "prompt_tokens": note.prompt_tokens, "output_tokens": note.output_tokens, "created": now(),
        }  # fmt: skip
        await asyncio.to_thread(self._store.append, "notes", [row])
        return note

    def _forget(self) -> None:
        if len(self._tasks) >= REMEMBERED:
            self._tasks = {name: task for name, task in self._tasks.items() if not task.done()}
