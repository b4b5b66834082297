"""What a stage owes: found at once, as keys alone, and its texts fetched a little ahead of their use.

So that memory is flat however much is owed: a million units are a hundred megabytes, and their documents many gigabytes.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from itertools import chain, islice
from typing import Any, Final

from rlaif.store import Row, Store

# Units whose texts are fetched together: the scan for them is shared by seconds of work, and they fit in some megabytes.
BATCH: Final = 4096


class Owed(AsyncIterable[Row]):
    """The units of `sql/STAGE/owed.sql` as the store is now, each with its row of `sql/STAGE/texts.sql`.

    `by` is the column that joins the two. `count` is how much is owed in all. To be made in a running loop.
    """

    def __init__(self, store: Store, stage: str, by: str, **wanted: Any) -> None:
        self._store, self._stage, self._by = store, stage, by
        units = store.stream(f"{stage}/owed", size=BATCH, **wanted)
        first = list(islice(units, 1))
        self.count = int(first[0]["owed"]) if first else 0
        self._units = chain(first, units)
        # The first texts are read while their model opens.
        self._ahead = self._fetch()

    def _fetch(self) -> asyncio.Future[list[Row]]:
        return asyncio.get_running_loop().run_in_executor(None, self._batch)

    def _batch(self) -> list[Row]:
        units = list(islice(self._units, BATCH))
        keys = list(dict.fromkeys(unit[self._by] for unit in units))
        texts = {row[self._by]: row for row in self._store.query(f"{self._stage}/texts", keys=keys)} if keys else {}
        return [unit | texts[unit[self._by]] for unit in units]

    async def __aiter__(self) -> AsyncIterator[Row]:
        try:
            while batch := await self._ahead:
                self._ahead = self._fetch()
                for unit in batch:
                    yield unit
        finally:
            self._ahead.cancel()
