"""The facts that judges read and append while they judge, wherever results are kept: in a store, or in a folder of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rlaif.store.store import Row, Store


class Facts(Protocol):
    """Facts besides the units of a stage. Its methods may block, so they are called in threads."""

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to a table; they are durable on return."""

    def served(self, judge: str) -> str | None:
        """Return the model name that the server of this judge (a key) reported first."""

    def note(self, prompt: str, judge: str, criterion: str) -> Row | None:
        """Return the judge's note on a prompt for a criterion (keys): texts, failure, detail and number of attempts."""


@dataclass(frozen=True)
class StoredFacts:
    """The facts of a store."""

    store: Store

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.store.append(table, rows)

    def served(self, judge: str) -> str | None:
        first = self.store.query("SELECT model FROM served_models WHERE judge = $judge ORDER BY rowid LIMIT 1", judge=judge)
        return str(first[0]["model"]) if first else None

    def note(self, prompt: str, judge: str, criterion: str) -> Row | None:
        found = self.store.query("context/sql/note", prompt=prompt, judge=judge, criterion=criterion)
        return found[0] if found else None
