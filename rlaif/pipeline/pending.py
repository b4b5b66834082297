"""The pending units of a stage: one query finds their keys, and their texts are fetched shortly before they are used.

This bounds memory: the keys of a million units take a hundred megabytes, their documents many gigabytes.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from itertools import chain, islice
from typing import Any, Final

from rlaif.store.store import Row, Store

# Units whose texts are fetched by one scan, which serves seconds of work; they take a few megabytes.
BATCH: Final = 4096


class PendingUnits(AsyncIterable[Row]):
    """The pending units of a stage in the store's present state, each with its row of the stage's query for texts.

    `by` is the column that joins the two. `count` is the number of pending units. Needs a running event loop.
    """

    def __init__(self, store: Store, stage: str, by: str, **wanted: Any) -> None:
        self._store, self._stage, self._by = store, stage, by
        units = store.stream(f"pipeline/sql/{stage}/pending", size=BATCH, **wanted)
        first = list(islice(units, 1))
        self.count = int(first[0]["pending"]) if first else 0
        self._units = chain(first, units)
        # The first texts are read while the model opens.
        self._ahead = self._fetch()

    def _fetch(self) -> asyncio.Future[list[Row]]:
        return asyncio.get_running_loop().run_in_executor(None, self._batch)

    def _batch(self) -> list[Row]:
        units = list(islice(self._units, BATCH))
        keys = list(dict.fromkeys(unit[self._by] for unit in units))
        texts = (
            {row[self._by]: row for row in self._store.query(f"pipeline/sql/{self._stage}/texts", keys=keys)} if keys else {}
        )
        return [unit | texts[unit[self._by]] for unit in units]

    async def __aiter__(self) -> AsyncIterator[Row]:
        try:
            while batch := await self._ahead:
                self._ahead = self._fetch()
                for unit in batch:
                    yield unit
        finally:
            self._ahead.cancel()
