"""Turns the rows of a source into facts: prompts, responses, verdicts with scores, comparisons, and dropped items."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import orjson

from rlaif.config import Source, SourcePreferences, SourceScores
from rlaif.core.types import Message, Prompt, answer_key, clean, fraction, key
from rlaif.data.sources.prompts import metadata_of, prompt_of
from rlaif.data.sources.responses import (
    Answer,
    Vote,
    answer,
    answers_of,
    generators_of,
    named,
    value_of,
    values_of,
    votes_of,
    whole_conversation,
)
from rlaif.data.sources.row_errors import Faults, RowError
from rlaif.data.sources.shape import Shape, shape_of
from rlaif.data.sources.staging import Staging
from rlaif.data.sources.text_forms import PEEKED, Form, find_forms, looks_listed, text_columns, unfold

Row = Mapping[str, Any]
# Buckets of the split, so that the held-out share is exact to a hundredth of a percent.
BUCKETS = 10_000
# Shorter responses, in characters, may legitimately be the end of their prompt, or all of it.
TELLING = 16
# Fixes for texts that look like a list, and for prompts that contain their response.
_KEPT_AS_TEXT = (
    "If they are lists, store them as lists. Lists written as text are read only if all values of the column are lists."
)
_IN_PROMPT = "If that column holds whole conversations, set columns.prompt to a column with prompts only."
_RANGE = "Correct `low` and `high` of this entry of `scores`, or the data."


def imported(name: str) -> str:
    """Return the key of a generator or judge whose data was imported."""
    return key("imported", name)


# Every fact names a few of them.
_imported = lru_cache(maxsize=1024)(imported)


def criterion_key(scores: SourceScores) -> str:
    """Return the key of a criterion whose scores were imported."""
    return _criterion_key(scores.judge, scores.criterion, scores.low, scores.high)


@lru_cache(maxsize=1024)
def _criterion_key(judge: str, criterion: str, low: float, high: float) -> str:
    return key("imported criterion", judge, criterion, low, high)


@dataclass(frozen=True)
class Scored:
    """One verdict of a judge on each response of a row: its columns and their values."""

    judge: str
    columns: Sequence[SourceScores]
    values: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Parsed:
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


@dataclass
class Codes:
    """Counts of the codes of one entry of `preferences`: known ones in total, unknown ones by code."""

    known: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


class Facts:
    """Reads the rows of one source into a staging folder."""

    def __init__(self, source: Source, staging: Staging) -> None:
        self.source, self._staging = source, staging
        self._repeats = list(_repeats(each for each in source.scores if each.column is not None))
        self._side_repeats = list(_repeats(each for each in source.scores if each.chosen is not None))
        # The names in the source: those that its section gives, and those in its rows.
        self._generators = dict[str, None]()
        judges = [*(each.judge for each in source.scores), *(each.judge for each in source.preferences)]
        self.judges = dict.fromkeys(judges)
        self.criteria = {criterion_key(each): each for each in source.scores}
        self._columns = text_columns(source)
        self._answers = [name for name in self._columns if name != source.columns.prompt]
        self.forms: Mapping[str, Form] = {}
        self.faults = Faults()
        self.codes = [Codes() for _ in source.preferences]

    @property
    def generators(self) -> list[str]:
        """Return the names of the generators of the source's responses."""
        return list(self._generators) or ([self.source.generator] if self.source.has_responses else [])

    def peek(self, rows: Iterator[tuple[str, Row | RowError]]) -> Iterator[tuple[str, Row | RowError]]:
        """Detect from the first rows which columns hold lists or transcripts as text; return all rows."""
        if self.source.is_shaped:
            return rows
        first = list(islice(rows, PEEKED))
        self.forms = find_forms(self.source, [row for _, row in first if not isinstance(row, RowError)])
        return chain(first, rows)

    def read(self, at: str, row: Row | RowError) -> None:
        """Stage the facts of one row, all or none. `at` is its location."""
        self.faults.rows += 1
        try:
            found = self._parsed(row)
        except RecursionError:
            self._fault(at, RowError("a value that is nested too deeply"))
        except RowError as fault:
            self._fault(at, fault)
        else:
            if found is None:
                self._drop(at, "prompt", "empty")
                return
            self._look(at, row, found)
            self._stage(at, found)

    def _parsed(self, row: Row | RowError) -> Parsed | None:
        if isinstance(row, RowError):
            raise row
        source = self.source
        if source.is_shaped:
            shape = shape_of(row)
            return None if shape is None else Parsed(shape.prompt, shape.metadata, shape.answers, (), (), (), shape=shape)
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
        return Parsed(prompt, metadata_of(row, source.columns), answers, scored, sides, votes, side_scored)

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

    def _look(self, at: str, row: Row | RowError, found: Parsed) -> None:
        """Report values that may be mistakes but may also be intended."""
        column, request = self.source.columns.prompt, found.prompt.request.strip()
        shaped = self.source.is_shaped
        value = row.get(column) if not isinstance(row, RowError) and not shaped else None
        if isinstance(value, str) and column not in self.forms and looks_listed(value):
            self.faults.note(at, f"text that looks like a list in column {column!r}, kept as text", fix=_KEPT_AS_TEXT)
        texts = [each.text.strip() for each in (*found.answers, *(side for each in found.sides for side in each[1:]))]
        long = [text for text in texts if len(text) >= TELLING]
        if request in long:
            self.faults.add(at, f"a prompt in column {column!r} that is its own response", fix=_IN_PROMPT)
        elif any(request.endswith(text) for text in long):
            self.faults.note(at, f"a prompt in column {column!r} that ends with its own response", fix=_IN_PROMPT)

    def _stage(self, at: str, found: Parsed) -> None:
        prompt = found.prompt.key
        self._prompt(at, found.prompt, found.metadata)
        if found.shape is not None:
            self._shape(at, prompt, found.shape)
            return
        answers = [self._response(at, prompt, each) for each in found.answers]
        for each in found.scored:
            self._scores(at, prompt, answers, each)
        for preferences, chosen, rejected in found.sides:
            better, worse = (self._response(at, prompt, side) for side in (chosen, rejected))
            self._comparison(at, prompt, preferences.judge, better, worse, Vote(0, 1, "first"))
            for each in found.side_scored:
                self._scores(at, prompt, [better, worse], each)
        for place, votes in found.votes:
            for vote in votes:
                self._vote(at, prompt, answers, place, vote)

    def _shape(self, at: str, prompt: str, shape: Shape) -> None:
        """Stage what a layout or a query returned for a row."""
        answers = [self._response(at, prompt, each) for each in shape.answers]
        for place, judge, given in shape.scored:
            self.judges[judge] = None
            self.criteria.update((criterion_key(scores), scores) for scores, _ in given)
            for scores, _ in (each for each in given if each[1] is None):
                self._drop(at, "score", "missing", f"{scores.criterion} by {judge}")
            if values := [each for each in given if each[1] is not None]:
                self._verdict(at, prompt, answers[place], judge, values)
        for judge, vote in shape.votes:
            self.judges[judge] = None
            self._comparison(at, prompt, judge, answers[vote.first], answers[vote.second], vote)

    def _prompt(self, at: str, prompt: Prompt, metadata: str) -> None:
        normal_key = prompt.normal_key
        self._staging.put(
            "prompts",
            {
                "key": prompt.key,
                "normal_key": normal_key,
                "messages": orjson.dumps(prompt.messages).decode(),
                "document": prompt.document,
                "reference": prompt.reference,
                "checklist": orjson.dumps(prompt.checklist).decode() if prompt.checklist else None,
                "metadata": metadata,
                "source": at,
                "bucket": int(fraction("split", normal_key) * BUCKETS),
            },
        )

    def _response(self, at: str, prompt: str, given: Answer) -> str | None:
        """Stage a response and return its answer key; None if it has no text."""
        if given.lost is not None:
            self._drop(at, "response", given.lost)
            return None
        kept = self.source.reasoning == "keep"
        text = given.whole if kept and given.whole else given.text
        name = given.generator or self.source.generator
        self._generators[name] = None
        answered, generator = answer_key(prompt, text), _imported(name)
        self._staging.put(
            "responses",
            {
                "key": key("imported response", generator, answered),
                "prompt": prompt,
                "generator": generator,
                "answer": answered,
                "text": text,
                "reasoning": None if kept else given.reasoning,
                "source": at,
            },
        )
        return answered

    def _scores(self, at: str, prompt: str, answers: list[str | None], scored: Scored) -> None:
        """Stage one verdict per response with a value in any column; its raw text holds the columns' values."""
        for number, answered in enumerate(answers):
            columns = list(zip(scored.columns, (values[number] for values in scored.values), strict=True))
            for scores, value in columns:
                if value is None or answered is None:
                    self._drop(
                        at, "score", "missing" if answered else "no response", f"{scores.criterion} by {scored.judge}"
                    )
            given = [(scores, value) for scores, value in columns if value is not None and answered is not None]
            if given:
                self._verdict(at, prompt, answered, scored.judge, given)

    def _verdict(
        self, at: str, prompt: str, answered: str | None, judge: str, given: Sequence[tuple[SourceScores, Any]]
    ) -> None:
        """Stage one verdict of a judge on a response, with its scores by all criteria."""
        if answered is None:
            for scores, _ in given:
                self._drop(at, "score", "no response", f"{scores.criterion} by {judge}")
            return
        verdict = self._staging.put(
            "verdicts",
            {
                "prompt": prompt,
                "answer": answered,
                "judge": _imported(judge),
                "source": at,
                "raw": clean(
                    json.dumps({scores.criterion: value for scores, value in given}, ensure_ascii=False, default=str)
                ),
            },
        )
        for scores, value in given:
            self._score(at, verdict, scores, value)

    def _score(self, at: str, verdict: int, scores: SourceScores, value: Any) -> None:
        score, wrong = value_of(value, scores)
        if wrong:
            column = scores.column or f"{scores.chosen} or {scores.rejected}"
            self.faults.add(at, f"{wrong} in column {column!r}", str(value)[:60], _RANGE)
        self._staging.put(
            "scores",
            {
                "verdict": verdict,
                "criterion": criterion_key(scores),
                "value": score,
                "failure": "malformed" if score is None else None,
            },
        )

    def _vote(self, at: str, prompt: str, answers: list[str | None], place: int, vote: Vote) -> None:
        preferences = self.source.preferences[place]
        if vote.lost == "unknown code":
            self.codes[place].unknown[vote.code or ""] += 1
        elif vote.lost not in (None, "missing"):
            fix = "Correct the `scale` of this entry of `preferences`, or the data."
            self.faults.add(at, f"{vote.lost} in column {preferences.column!r}", vote.code or "", fix)
        else:
            self.codes[place].known += vote.lost is None
        first, second = (answers[side] if side < len(answers) else None for side in (vote.first, vote.second))
        self._comparison(at, prompt, preferences.judge, first, second, vote)

    def _comparison(self, at: str, prompt: str, judge: str, first: str | None, second: str | None, vote: Vote) -> None:
        reason = "no response" if first is None or second is None else "same answer twice" if first == second else vote.lost
        if reason is not None:
            self._drop(at, "comparison", reason, vote.code)
            return
        self._staging.put(
            "comparisons",
            {
                "prompt": prompt,
                "first": first,
                "second": second,
                "judge": _imported(judge),
                "preferred": vote.preferred,
                "probability": vote.probability,
                "source": at,
            },
        )

    def _fault(self, at: str, fault: RowError) -> None:
        if fault.bad:
            self.faults.add(at, fault.reason, fault.detail)
        # The row's prompt is dropped with it, and the report counts prompts.
        self._drop(at, "prompt", fault.reason, clean(fault.detail) or None)

    def _drop(self, at: str, what: str, reason: str, detail: str | None = None) -> None:
        self._staging.put("dropped", {"source": at, "what": what, "reason": reason, "detail": detail})


def _repeats(scores: Iterable[SourceScores]) -> Iterator[tuple[str, list[SourceScores]]]:
    """Yield the judges with their columns. Repeated columns of a criterion become repeated verdicts, which are averaged."""
    found: dict[tuple[str, int], list[SourceScores]] = {}
    seen = Counter[tuple[str, str]]()
    for each in scores:
        repeat = seen[each.judge, each.criterion]
        seen[each.judge, each.criterion] += 1
        found.setdefault((each.judge, repeat), []).append(each)
    return ((judge, columns) for (judge, _), columns in found.items())
