"""One source as the pipeline file describes it: where each of its keys stands, and which columns it needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from rlaif.config import Config, Source
from rlaif.config.loader import preferences_place
from rlaif.config.yaml import Place, did_you_mean
from rlaif.core.errors import InputError
from rlaif.data.sources.row_errors import RowError

# A row with its place, or what is wrong with it.
Row = tuple[str, Mapping[str, Any] | RowError]
# Rows turned into Python objects at once: enough to make the turn cheap, few enough for long documents.
BATCH = 1024


class Wanted(Protocol):
    """What a reader must know: which columns are needed, and of how many rows."""

    def check(self, known: Iterable[str]) -> list[str]:
        """The columns to read, of all that the source has. Raises InputError for a needed one that is not there."""

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows of a source whose columns are known only from its rows."""

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        """As many of the rows as are needed."""


class Everything:
    """All columns of all rows."""

    def check(self, known: Iterable[str]) -> list[str]:
        return list(known)

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows


def shown(path: Path) -> str:
    """The path as text that UTF-8 can hold: bytes that are not UTF-8 stand as escapes."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def numbered(name: str, rows: Iterable[Mapping[str, Any] | RowError]) -> Iterator[Row]:
    """The rows, each with its place: NAME:1, NAME:2 and so on."""
    return ((f"{name}:{number}", row) for number, row in enumerate(rows, 1))


@dataclass(frozen=True)
class Origin:
    """The source at position `index` of `collect.sources`."""

    config: Config
    index: int

    @property
    def source(self) -> Source:
        return self.config.pipeline.collect.sources[self.index]

    def place(self, *keys: str | int) -> Place:
        """The place of one of the source's keys in the pipeline file."""
        return ("collect", "sources", self.index, *keys)

    def where(self, *keys: str | int) -> str:
        """`file:line key` of one of the source's keys."""
        return self.config.file.where(self.place(*keys))

    def columns(self) -> dict[str, Place]:
        """The columns that are named, and where the pipeline file names them."""
        source = self.source
        named: list[tuple[str | None, Place]] = [(source.columns.prompt, ("columns", "prompt"))]
        columns = source.columns
        named += [(columns.document, ("columns", "document")), (columns.reference, ("columns", "reference")),
                  (columns.checklist, ("columns", "checklist"))]  # fmt: skip
        answers = source.columns.responses
        if isinstance(answers, list):
            named += [(name, ("columns", "responses", at)) for at, name in enumerate(answers)]
        else:
            named.append((answers, ("columns", "responses")))
        named += [(name, ("columns", "metadata", at)) for at, name in enumerate(source.columns.metadata)]
        named += [(scores.column, ("scores", at, "column")) for at, scores in enumerate(source.scores)]
        for at, preferences in enumerate(source.preferences):
            place = preferences_place(self.config.file, self.index, at)[len(self.place()) :]
            named += [(getattr(preferences, name), (*place, name)) for name in ("column", "chosen", "rejected")]
        return {name: place for name, place in reversed(named) if name is not None}

    def check(self, known: Iterable[str]) -> list[str]:
        names = list(known)
        for name, place in self.columns().items():
            if name not in names:
                raise InputError(f"no column {name!r}", where=self.where(*place), fix=did_you_mean(name, names))
            if names.count(name) > 1:
                raise InputError(f"{names.count(name)} columns are called {name!r}", where=self.where(*place),
                                 fix="Rename all but one of them in the data.")  # fmt: skip
        return list(self.columns())

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows of a source whose columns are known only from its rows. A column that no row has is an InputError.

        The prompt's column must be in the first row already, so that a misspelled one is found at once.
        """
        unseen = set(self.columns())
        seen: set[str] = set()
        first = True
        for at, row in self.limited(rows):
            if unseen and not isinstance(row, RowError):
                unseen.difference_update(row)
                seen.update(row)
                if first and self.source.columns.prompt in unseen:
                    self.check(row)
                first = False
            yield at, row
        if seen:
            self.check(seen)

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows up to the source's `limit`."""
        return islice(rows, self.source.limit)
