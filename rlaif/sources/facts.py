"""From the rows of one source to facts: prompts, responses, verdicts with scores, comparisons, and what was dropped."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from rlaif.config import Source, SourceScores
from rlaif.records import Prompt, answer_key, clean, fraction, key
from rlaif.sources.answers import Answer, answer, answers_of, meanings, value_of, values_of, votes_of
from rlaif.sources.prompts import metadata_of, prompt_of
from rlaif.sources.staging import Staging

Row = Mapping[str, Any]
# Buckets of the split: a held-out share is exact to a hundredth of a percent.
BUCKETS = 10_000


def imported(name: str) -> str:
    """The key of a generator or judge whose work came with a source."""
    return key("imported", name)


def criterion_key(scores: SourceScores) -> str:
    """The key of a criterion whose scores came with a source."""
    return key("imported criterion", scores.judge, scores.criterion, scores.low, scores.high)


class Facts:
    """Reads the rows of one source into the staging."""

    def __init__(self, source: Source, staging: Staging) -> None:
        self._source, self._staging = source, staging
        self._generator = imported(source.generator)
        self._meanings = meanings(source.preferences) if source.preferences else {}
        self._judges: dict[str, list[SourceScores]] = {}
        for scores in source.scores:
            self._judges.setdefault(scores.judge, []).append(scores)

    def read(self, at: str, row: Row) -> None:
        """Puts all that one row says. `at` is where it stands."""
        prompt = prompt_of(row, self._source.columns, at)
        if prompt is None:
            self._drop(at, "prompt", "empty")
            return
        self._prompt(at, row, prompt)
        answers = [self._response(at, prompt.key, each) for each in answers_of(row, self._source, prompt.messages, at)]
        for judge, columns in self._judges.items():
            self._scores(at, row, prompt.key, answers, judge, columns)
        if self._source.preferences is not None:
            self._preferences(at, row, prompt, answers)

    def _prompt(self, at: str, row: Row, prompt: Prompt) -> None:
        normal_key = prompt.normal_key
        self._staging.put("prompts", {
            "key": prompt.key, "normal_key": normal_key,
            "messages": orjson.dumps(prompt.messages).decode(),
            "document": prompt.document, "reference": prompt.reference,
            "checklist": orjson.dumps(prompt.checklist).decode() if prompt.checklist else None,
            "metadata": metadata_of(row, self._source.columns),
            "source": at, "bucket": int(fraction("split", normal_key) * BUCKETS),
        })  # fmt: skip

    def _response(self, at: str, prompt: str, given: Answer) -> str | None:
        """The answer's key; None if there is no text."""
        if given.lost is not None:
            self._drop(at, "response", given.lost)
            return None
        answered = answer_key(prompt, given.text)
        self._staging.put("responses", {
            "key": key("imported response", self._generator, answered), "prompt": prompt,
            "generator": self._generator, "answer": answered, "text": given.text, "source": at,
        })  # fmt: skip
        return answered

    def _scores(
        self, at: str, row: Row, prompt: str, answers: list[str | None], judge: str, columns: list[SourceScores]
    ) -> None:
        """One verdict for each answer of which the judge says anything; its raw words are the columns' values."""
        said = [values_of(row, scores, len(answers), at) for scores in columns]
        for number, answered in enumerate(answers):
            words = {scores.criterion: values[number] for scores, values in zip(columns, said, strict=True)}
            for criterion in [name for name, word in words.items() if word is None or answered is None]:
                self._drop(at, "score", "missing" if answered else "no response", f"{criterion} by {judge}")
                del words[criterion]
            if not words:
                continue
            verdict = self._staging.put("verdicts", {
                "prompt": prompt, "answer": answered, "judge": imported(judge), "source": at,
                "raw": clean(json.dumps(words, ensure_ascii=False, default=str)),
            })  # fmt: skip
            for scores in columns:
                if scores.criterion in words:
                    value = value_of(words[scores.criterion], scores)
                    self._staging.put("scores", {
                        "verdict": verdict, "criterion": criterion_key(scores), "value": value,
                        "failure": "malformed" if value is None else None,
                    })  # fmt: skip

    def _preferences(self, at: str, row: Row, prompt: Prompt, answers: list[str | None]) -> None:
        preferences = self._source.preferences
        assert preferences is not None
        if preferences.chosen is not None and preferences.rejected is not None:
            columns = (preferences.chosen, preferences.rejected)
            given = [answer(row.get(name), prompt.messages, name, at) for name in columns]
            chosen, rejected = (self._response(at, prompt.key, each) for each in given)
            self._comparison(at, prompt.key, preferences.judge, chosen, rejected, "first")
            return
        for first, second, code in votes_of(row, preferences, at):
            left, right = (answers[place] if place < len(answers) else None for place in (first, second))
            self._comparison(at, prompt.key, preferences.judge, left, right, self._meanings.get(code), code)

    def _comparison(
        self, at: str, prompt: str, judge: str, first: str | None, second: str | None, preferred: str | None,
        code: str | None = None,
    ) -> None:  # fmt: skip
        reason = (
            "no response" if first is None or second is None
            else "same answer twice" if first == second
            else "unknown code" if preferred is None
            else None
        )  # fmt: skip
        if reason is not None:
            self._drop(at, "comparison", reason, code)
            return
        self._staging.put("comparisons", {
            "prompt": prompt, "first": first, "second": second, "judge": imported(judge),
            "preferred": preferred, "source": at,
        })  # fmt: skip

    def _drop(self, at: str, what: str, reason: str, detail: str | None = None) -> None:
        self._staging.put("dropped", {"source": at, "what": what, "reason": reason, "detail": detail})
