"""One source as the pipeline file gives it: where each of its keys stands, and which columns it needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rlaif.config import Config, Source
from rlaif.errors import InputError
from rlaif.yaml_file import Place, did_you_mean

Row = tuple[str, Mapping[str, Any]]
# Rows turned into Python objects at once: enough to make the turn cheap, few enough for long documents.
BATCH = 1024


def numbered(name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
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
        """The columns that are named, and where."""
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
        if source.preferences:
            for name in ("column", "chosen", "rejected"):
                named.append((getattr(source.preferences, name), ("preferences", name)))
        return {name: place for name, place in reversed(named) if name is not None}

    def check(self, known: Iterable[str]) -> list[str]:
        """The columns to read, out of all that the source has. Raises InputError for one that it has not."""
        names = list(known)
        for name, place in self.columns().items():
            if name not in names:
                raise InputError(f"no column {name!r}", where=self.where(*place), fix=did_you_mean(name, names))
        return list(self.columns())

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows of a source whose columns only its rows tell. A column that no row has is an InputError at the end.

        The prompt's column must be in the first row already, so that a misspelt one shows at once.
        """
        unseen = set(self.columns())
        seen: set[str] = set()
        for number, (at, row) in enumerate(self.limited(rows)):
            if unseen:
                unseen.difference_update(row)
                seen.update(row)
                if number == 0 and self.source.columns.prompt in unseen:
                    self.check(row)
            yield at, row
        if seen:
            self.check(seen)

    def limited(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows up to the source's `limit`."""
        return islice(rows, self.source.limit)
