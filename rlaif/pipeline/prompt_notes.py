"""Notes that a judge makes once for each prompt, stored and shared by all responses and all runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from rlaif.context.facts import Facts
from rlaif.context.run import ATTEMPTS, now
from rlaif.core.errors import TRANSIENT
from rlaif.core.progress import Tally
from rlaif.core.single_flight import Shared
from rlaif.core.types import Prompt
from rlaif.judging.context import Note

# Responses arrive grouped by prompt, so older notes are rarely needed again and are then read from the store.
REMEMBERED = 4096


class Notes:
    """The notes of one judge (given by key). The tokens for making them are counted in `tally`."""

    def __init__(self, facts: Facts, judge: str, tally: Tally) -> None:
        self._facts, self._judge, self._tally = facts, judge, tally
        self._shared: Shared[tuple[str, str], Note] = Shared(REMEMBERED, lambda note: note.failure not in TRANSIENT)

    async def once(self, prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        """Return the note on a prompt for a criterion (given by key); the first caller makes it if it is missing.

        A failed note counts like any other, unless the failure is transient and attempts are left.
        """
        name = prompt.key, criterion
        return await self._shared.get(name, lambda: self._find(*name, make))

    async def _find(self, prompt: str, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        wanted = {"prompt": prompt, "judge": self._judge, "criterion": criterion}
        row = await asyncio.to_thread(self._facts.note, prompt, self._judge, criterion)
        if row and (row["failure"] not in TRANSIENT or row["attempts"] >= ATTEMPTS):
            return Note(json.loads(row["texts"]), failure=row["failure"], detail=row["detail"])
        note = await make()
        self._tally.add(calls=note.calls, prompt_tokens=note.prompt_tokens, output_tokens=note.output_tokens)
        row = (
            wanted
            | {"texts": json.dumps(note.texts), "created": now()}
            | {name: getattr(note, name) for name in ("raw", "failure", "detail", "calls", "prompt_tokens", "output_tokens")}
        )
        await asyncio.to_thread(self._facts.append, "notes", [row])
        return note
