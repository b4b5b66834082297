"""Parses the rows of a source: the prompt, responses, scores and votes that each of them holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from rlaif.config import Source, SourcePreferences, SourceScores
from rlaif.core.types import Message, Prompt
from rlaif.data.sources.prompts import metadata_of, prompt_of
from rlaif.data.sources.responses import (
    Answer,
    Vote,
    answer,
    answers_of,
    generators_of,
    named,
    values_of,
    votes_of,
    whole_conversation,
)
from rlaif.data.sources.row_errors import RowError
from rlaif.data.sources.shape import Shape, shape_of
from rlaif.data.sources.text_forms import PEEKED, Form, find_forms, text_columns, unfold

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Scored:
    """One verdict of a judge on each response of a row: its columns and their values."""

    judge: str
    columns: Sequence[SourceScores]
    values: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class ParsedRow:
    """The facts of one row."""

    prompt: Prompt
    metadata: str
    answers: Sequence[Answer]
    scored: Sequence[Scored]
    sides: Sequence[tuple[SourcePreferences, Answer, Answer]]
    votes: Sequence[tuple[int, Sequence[Vote]]]
    # Scores of the chosen and the rejected response of the only entry in `sides`.
    side_scored: Sequence[Scored] = ()
    shape: Shape | None = None


class RowParser:
    """Parses the rows of one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.forms: Mapping[str, Form] = {}
        self._repeats = list(_repeats(each for each in source.scores if each.column is not None))
        self._side_repeats = list(_repeats(each for each in source.scores if each.chosen is not None))
        self._columns = text_columns(source)
        self._answers = [name for name in self._columns if name != source.columns.prompt]

    def peek(self, rows: Iterator[tuple[str, Row | RowError]]) -> Iterator[tuple[str, Row | RowError]]:
        """Detect from the first rows which columns hold lists or transcripts as text; return all rows."""
        if self.source.is_shaped:
            return rows
        first = list(islice(rows, PEEKED))
        self.forms = find_forms(self.source, [row for _, row in first if not isinstance(row, RowError)])
        return chain(first, rows)

    def parse(self, row: Row | RowError) -> ParsedRow | None:
        """Return the facts of one row; None if it has no prompt. Raises RowError for a row that cannot be used."""
        if isinstance(row, RowError):
            raise row
        source = self.source
        if source.is_shaped:
            shape = shape_of(row)
            return None if shape is None else ParsedRow(shape.prompt, shape.metadata, shape.answers, (), (), (), shape=shape)
        row = unfold(row, self._columns, self.forms)
        prompt = prompt_of(row, source.columns)
        if prompt is None:
            return None
        prompt = whole_conversation(prompt, [row.get(column) for column in self._answers])
        asked = prompt.messages
        answers = answers_of(row, source, asked)
        if source.columns.responses is not None:
            answers = named(answers, generators_of(row, source, len(answers)))
        scored = [
            Scored(judge, columns, [values_of(row, scores, len(answers)) for scores in columns])
            for judge, columns in self._repeats
        ]
        sides = self._sides(row, asked)
        votes = [(place, votes_of(row, each)) for place, each in enumerate(source.preferences) if each.column is not None]
        side_scored = [
            Scored(judge, columns, [(row.get(str(each.chosen)), row.get(str(each.rejected))) for each in columns])
            for judge, columns in self._side_repeats
        ]
        return ParsedRow(prompt, metadata_of(row, source.columns), answers, scored, sides, votes, side_scored)

    def _sides(self, row: Row, asked: Sequence[Message]) -> list[tuple[SourcePreferences, Answer, Answer]]:
        """Return the chosen and the rejected response of each entry of `preferences` with such columns."""
        generators = [None, None] if self.source.columns.responses is not None else generators_of(row, self.source, 2)
        found = []
        for each in self.source.preferences:
            if each.chosen is not None and each.rejected is not None:
                texts = [answer(row.get(column), asked, column) for column in (each.chosen, each.rejected)]
                chosen, rejected = named(texts, generators)
                found.append((each, chosen, rejected))
        return found


def _repeats(scores: Iterable[SourceScores]) -> Iterator[tuple[str, list[SourceScores]]]:
    """Yield the judges with their columns. Repeated columns of a criterion become repeated verdicts, which are averaged."""
    found: dict[tuple[str, int], list[SourceScores]] = {}
    seen = Counter[tuple[str, str]]()
    for each in scores:
        repeat = seen[each.judge, each.criterion]
        seen[each.judge, each.criterion] += 1
        found.setdefault((each.judge, repeat), []).append(each)
    return ((judge, columns) for (judge, _), columns in found.items())
