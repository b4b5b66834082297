"""Describes one source of the pipeline file: the locations of its keys, and the columns that it needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from rlaif.config import Config, RecordedSource, Source
from rlaif.config.loader import preferences_place
from rlaif.config.yaml import Place, did_you_mean
from rlaif.core.errors import InputError
from rlaif.data.sources.row_errors import RowError

# A location, and the row there or its error.
Row = tuple[str, Mapping[str, Any] | RowError]
# Rows converted to Python objects at once: enough for low overhead, few enough for long documents.
BATCH = 256


class Wanted(Protocol):
    """The columns and rows that a reader must return."""

    def check(self, known: Iterable[str]) -> list[str]:
        """Return the columns to read, given all columns of the source. Raises InputError if a needed one is missing."""

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield the rows of a source, and check its columns as rows reveal them."""

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield as many of the rows as are needed."""


class Everything:
    """Requests all columns of all rows."""

    def check(self, known: Iterable[str]) -> list[str]:
        return list(known)

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        return rows


def shown(path: Path) -> str:
    """Return the path as valid UTF-8 text, with other bytes escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def numbered(name: str, rows: Iterable[Mapping[str, Any] | RowError]) -> Iterator[Row]:
    """Yield the rows with their locations: NAME:1, NAME:2 and so on."""
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
        """Return the path of one of the source's keys in the pipeline file."""
        if isinstance(self.source, RecordedSource):
            return ("evaluate", "models", self.source.generator, *("responses" if key == "path" else key for key in keys))
        return ("collect", "sources", self.index, *keys)

    def where(self, *keys: str | int) -> str:
        """Return `file:line key` of one of the source's keys."""
        return self.config.file.where(self.place(*keys))

    def columns(self) -> dict[str, Place]:
        """Return the columns that the source names, and the keys that name them."""
        source = self.source
        named: list[tuple[str | None, Place]] = [(source.columns.prompt, ("columns", "prompt"))]
        columns = source.columns
        named += [
            (columns.system, ("columns", "system")),
            (columns.input, ("columns", "input")),
            (columns.tools, ("columns", "tools")),
            (columns.document, ("columns", "document")),
            (columns.reference, ("columns", "reference")),
            (columns.checklist, ("columns", "checklist")),
        ]
        answers = source.columns.responses
        if isinstance(answers, list):
            named += [(name, ("columns", "responses", at)) for at, name in enumerate(answers)]
        else:
            named.append((answers, ("columns", "responses")))
        generators = source.columns.generators
        if isinstance(generators, list):
            named += [(name, ("columns", "generators", at)) for at, name in enumerate(generators)]
        else:
            named.append((generators, ("columns", "generators")))
        named += [(name, ("columns", "metadata", at)) for at, name in enumerate(source.columns.metadata)]
        for at, scores in enumerate(source.scores):
            named += [(getattr(scores, name), ("scores", at, name)) for name in ("column", "chosen", "rejected")]
        for at, preferences in enumerate(source.preferences):
            place = preferences_place(self.config.file, self.index, at)[len(self.place()) :]
            named += [(getattr(preferences, name), (*place, name)) for name in ("column", "chosen", "rejected")]
        return {name: place for name, place in reversed(named) if name is not None}

    def check(self, known: Iterable[str]) -> list[str]:
        names, heads = list(known), dict[str, None]()
        for name, place in self.columns().items():
            head = name if name in names else name.partition(".")[0]
            heads[head] = None
            if head not in names:
                raise InputError(f"no column {name!r}", where=self.where(*place), fix=did_you_mean(name, names))
            if names.count(head) > 1:
                raise InputError(
                    f"{names.count(head)} columns are called {head!r}",
                    where=self.where(*place),
                    fix="Rename all but one of them in the data.",
                )
        return names if self.source.where is not None else list(heads)

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield the rows of a source whose columns are known only from its rows.

        Raises InputError at the end if no row has a needed column, and at the first row if it lacks the prompt column, so
        that a misspelled name is found immediately.
        """
        unseen = set(self.columns())
        seen: set[str] = set()
        first = True
        for at, row in self.limited(rows):
            if unseen and not isinstance(row, RowError):
                unseen.difference_update(row, [name for name in unseen if name.partition(".")[0] in row])
                seen.update(row)
                if first and self.source.columns.prompt in unseen:
                    self.check(row)
                first = False
            yield at, row
        if seen:
            self.check(seen)

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield no more rows of a file than the source's `limit` allows, if that is known before they are filtered."""
        source = self.source
        return islice(rows, None if source.limit is None or source.where is not None else source.offset + source.limit)
