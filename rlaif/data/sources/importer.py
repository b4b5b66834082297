"""Turns the rows of a source into facts: prompts, responses, verdicts with scores, comparisons, and dropped items."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import orjson

from rlaif.config import RecordedSource, Source, SourceScores
from rlaif.core.types import BUCKETS, Prompt, answer_key, clean, fraction, key
from rlaif.data.sources.recorded import KnownPrompts, read_recorded
from rlaif.data.sources.responses import Answer, Vote, value_of
from rlaif.data.sources.row_errors import Faults, RowError
from rlaif.data.sources.row_parser import ParsedRow, Row, RowParser, Scored
from rlaif.data.sources.shape import Shape
from rlaif.data.sources.staging import Staging
from rlaif.data.sources.text_forms import looks_listed

# The `spec` of generators and judges whose data was imported.
IMPORTED: Final = '{"kind": "imported"}'
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


@dataclass
class Codes:
    """Counts of the codes of one entry of `preferences`: known ones in total, unknown ones by code."""

    known: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


class Facts:
    """Reads the rows of one source into a staging folder.

    `known` gets the prompts of the sources, if recorded responses to them follow; `where` is the source's place in the file.
    """

    def __init__(self, source: Source, staging: Staging, known: KnownPrompts | None = None, where: str = "") -> None:
        self.source, self._staging, self._known, self._where = source, staging, known, where
        self.parser = RowParser(source)
        # The names in the source: those that its section gives, and those in its rows.
        self._generators = dict[str, None]()
        judges = [*(each.judge for each in source.scores), *(each.judge for each in source.preferences)]
        self.judges = dict.fromkeys(judges)
        self.criteria = {criterion_key(each): each for each in source.scores}
        self.faults = Faults()
        self.codes = [Codes() for _ in source.preferences]

    @property
    def found_generators(self) -> list[str]:
        """Return the names of the generators with a response in the source."""
        return list(self._generators)

    @property
    def generators(self) -> list[str]:
        """Return the names of the generators of the source's responses."""
        return list(self._generators) or ([self.source.generator] if self.source.has_responses else [])

    def read(self, at: str, row: Row | RowError) -> None:
        """Stage the facts of one row, all or none. `at` is its location."""
        self.faults.rows += 1
        try:
            if isinstance(self.source, RecordedSource) and self._known is not None:
                prompt, text = read_recorded(row, self.source, self._known, self._where)
                self._response(at, prompt, Answer(text))
                return
            found = self.parser.parse(row)
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

    def _look(self, at: str, row: Row | RowError, found: ParsedRow) -> None:
        """Report values that may be mistakes but may also be intended."""
        column, request = self.source.columns.prompt, found.prompt.request.strip()
        shaped = self.source.is_shaped
        value = row.get(column) if not isinstance(row, RowError) and not shaped else None
        if isinstance(value, str) and column not in self.parser.forms and looks_listed(value):
            self.faults.note(at, f"text that looks like a list in column {column!r}, kept as text", fix=_KEPT_AS_TEXT)
        texts = [each.text.strip() for each in (*found.answers, *(side for each in found.sides for side in each[1:]))]
        long = [text for text in texts if len(text) >= TELLING]
        if request in long:
            self.faults.add(at, f"a prompt in column {column!r} that is its own response", fix=_IN_PROMPT)
        elif any(request.endswith(text) for text in long):
            self.faults.note(at, f"a prompt in column {column!r} that ends with its own response", fix=_IN_PROMPT)

    def _stage(self, at: str, found: ParsedRow) -> None:
        prompt = found.prompt.key
        self._prompt(at, found.prompt, found.metadata)
        if self._known is not None:
            self._known.add(found.prompt, found.metadata)
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
        what = "response" if isinstance(self.source, RecordedSource) else "prompt"
        self._drop(at, what, fault.reason, clean(fault.detail) or None)

    def _drop(self, at: str, what: str, reason: str, detail: str | None = None) -> None:
        self._staging.put("dropped", {"source": at, "what": what, "reason": reason, "detail": detail})
