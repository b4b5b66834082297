"""Tables that are made once from a readers' copy of the store, so that the list can be filtered fast.

They are in DuckDB's database `memory`, which counts towards its memory limit and disappears with the connection.
"""

from threading import RLock
from typing import Any, Final

from rlaif.store.store import Store, sql

# The number of tables that are kept.
KEPT: Final = 12
# The number of rows that a filter of texts looks at first.
FIRST: Final = 1 << 15
# Seconds that a condition in SQL may take.
PATIENCE: Final = 5.0


class Tables:
    """The tables of one readers' copy, made again after it is renewed. Hold `lock` while you use one."""

    def __init__(self, store: Store, first: int = FIRST, patience: float = PATIENCE) -> None:
        self.store, self.first, self.patience = store, first, patience
        self.lock = RLock()
        self._names: dict[object, str] = {}
        self._made = 0
        self._renewals = store.renewals

    def rows(self, pairing: str) -> str:
        """Return the name of the table that `index.sql` describes. Making it takes some seconds for a million pairs."""
        statements = sql("view/sql/index").replace("{rows}", sql("view/sql/rows"))
        name, known = self._named(("rows", pairing))
        if not known:
            self.store.run(statements.replace("{table}", name), pairing=pairing)
        return self._keep(("rows", pairing), name)

    def table(self, query: str, **parameters: Any) -> str:
        """Return the name of a table with the rows of a query, in their order."""
        key = _key(query, parameters)
        name, known = self._named(key)
        if not known:
            self.store.rows(f"CREATE TABLE memory.{name} AS {query}", **parameters)
        return self._keep(key, name)

    def has(self, query: str, **parameters: Any) -> bool:
        """Return whether that table exists already."""
        return self._named(_key(query, parameters))[1]

    def _named(self, key: object) -> tuple[str, bool]:
        """Return the name of a table, and whether it exists."""
        if self._renewals != self.store.renewals:
            self._drop(len(self._names))
            self._renewals = self.store.renewals
        self._made += 1
        return (self._names[key], True) if key in self._names else (f"view_{self._made}", False)

    def _keep(self, key: object, name: str) -> str:
        # The one that was used last comes last.
        self._names.pop(key, None)
        self._names[key] = name
        self._drop(len(self._names) - KEPT)
        return name

    def _drop(self, most: int) -> None:
        """Drop the tables that have not been used for the longest time."""
        for key in list(self._names)[: max(most, 0)]:
            self.store.run(f"DROP TABLE memory.{self._names.pop(key)}")


def _key(query: str, parameters: dict[str, Any]) -> object:
    return query, tuple(sorted((name, str(value)) for name, value in parameters.items() if f"${name}" in query))
