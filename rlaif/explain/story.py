"""One prompt's story, read from the store as plain data."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rlaif.errors import InputError
from rlaif.records import Message
from rlaif.store import Row, Store

# Of a text that only has to be recognised.
GLIMPSE = 60


@dataclass(frozen=True)
class Mark:
    """One criterion's outcome in a verdict: a value in [low, high], or a failure kind."""

    criterion: str
    value: float | None
    expected: float | None
    spread: float | None
    low: float | None
    high: float | None
    rationale: str | None
    failure: str | None


@dataclass(frozen=True)
class Found:
    """One thing that a judge looked at for a criterion (a claim, a key point, an item), and what it found."""

    criterion: str
    text: str
    outcome: str
    rationale: str | None


@dataclass(frozen=True)
class Noted:
    """What a judge wrote down once about the prompt for a criterion (key points, items), or a failure kind."""

    judge: str
    criterion: str
    texts: list[str]
    failure: str | None
    detail: str | None


@dataclass(frozen=True)
class Said:
    """One judgement in the judge's own words, the marks read from it, and what it looked at one by one."""

    judge: str
    repeat: int
    attempt: int
    raw: str | None
    failure: str | None
    detail: str | None
    marks: list[Mark]
    findings: list[Found]


@dataclass(frozen=True)
class Sampled:
    """One response, or the failure in its place, with every verdict on its text. `name` is generator #sample."""

    key: str
    name: str
    text: str | None
    finish: str | None
    prompt_tokens: int | None
    output_tokens: int | None
    logprob: float | None
    attempt: int
    failure: str | None
    detail: str | None
    verdicts: list[Said]


@dataclass(frozen=True)
class Vote:
    """One comparison of two responses (by name), in the order shown: `preferred` is "first", "second" or "tie".

    Of a judge's own there are its words in `raw`, and a failure kind in the place of a preference where there is none.
    """

    judge: str
    criterion: str
    first: str
    second: str
    preferred: str | None
    probability: float | None
    rationale: str | None
    failure: str | None
    raw: str | None
    detail: str | None


@dataclass(frozen=True)
class PassedOn:
    """In a cascade, the judge `before` left the prompt to `judge`, by that lead in hundredths, or because there was none."""

    before: str
    judge: str
    lead: float | None


@dataclass(frozen=True)
class Paired:
    """One pair that the prompt gave: responses by name, the margin in hundredths of the scale."""

    chosen: str
    rejected: str
    margin: float | None
    confidence: float | None


@dataclass(frozen=True)
class Outcome:
    """What one pairing made of the prompt and of each response, by name."""

    pairing: str
    created: str
    strategy: str
    judge: str
    prompt: str
    responses: dict[str, str]
    pairs: list[Paired]


@dataclass(frozen=True)
class Story:
    """All that the store knows of one prompt. `in_play` is False once its source holds it no more."""

    prompt: str
    source: str
    in_play: bool
    messages: list[Message]
    document: str | None
    reference: str | None
    checklist: list[str]
    metadata: dict[str, Any]
    shown: dict[str, list[Message]]
    notes: list[Noted]
    responses: list[Sampled]
    comparisons: list[Vote]
    passed_on: list[PassedOn]
    outcomes: list[Outcome]


def explain(store: Store, prefix: str) -> Story:
    """The story of the prompt whose key starts with `prefix`, or that the response with that key answers.

    Raises InputError if none or several do; it names prompts that may have been meant, by key or by their text.
    """
    row = _find(store, prefix)
    prompt = row["key"]
    responses = store.query("explain/responses", prompt=prompt)
    verdicts = _verdicts(store, prompt)
    sampled = [_sampled(response, verdicts[response["answer"]]) for response in responses]
    names = {response.key: response.name for response in sampled}
    # Equal texts are one answer to a judge, so an answer goes by the first response that gave it.
    answers = {response["answer"]: names[response["key"]] for response in reversed(responses)}
    return Story(
        prompt=prompt, source=row["source"], in_play=row["in_play"], messages=json.loads(row["messages"]),
        document=row["document"], reference=row["reference"], checklist=json.loads(row["checklist"] or "[]"),
        metadata=json.loads(row["metadata"]),
        shown={ask["generator"]: json.loads(ask["messages"]) for ask in store.query("explain/asks", prompt=prompt)},
        notes=[
            Noted(**note | {"texts": json.loads(note["texts"])}) for note in store.query("explain/notes", prompt=prompt)
        ],
        responses=sampled,
        comparisons=[
            Vote(**each | {side: _named(each[side], answers) for side in ("first", "second")})
            for each in store.query("explain/comparisons", prompt=prompt)
        ],
        passed_on=[PassedOn(**row) for row in store.query("explain/passed_on", prompt=prompt)],
        outcomes=_outcomes(store, prompt, names),
    )  # fmt: skip


def _find(store: Store, prefix: str) -> Row:
    prefix = prefix.strip()
    found = store.query("explain/find", prefix=prefix.lower())
    if len(found) == 1:
        return found[0]
    if found:
        what = f"{prefix!r} is the start of several prompts' ids" if prefix else "no id is given"
        raise InputError(what, where="explain", fix=f"Give more of one of these:\n{_glimpses(found)}")
    near = store.query("explain/containing", text=prefix.lower()) or store.query("explain/find", prefix="")
    fix = f"Perhaps one of these:\n{_glimpses(near)}" if near else "The store holds no prompts yet."
    raise InputError(f"no prompt's id starts with {prefix!r}", where="explain", fix=fix)


def _glimpses(rows: Iterable[Row]) -> str:
    texts = ((row["key"], " ".join(json.loads(row["messages"])[-1]["content"].split())) for row in rows)
    # Escaped, because the text is the data set's and goes to a terminal.
    return "\n".join(f"  {key}  {text[:GLIMPSE]!a}" for key, text in texts)


def _verdicts(store: Store, prompt: str) -> dict[str, list[Said]]:
    """What judges said of each answer."""
    marks: dict[str, list[Mark]] = defaultdict(list)
    for row in store.query("explain/scores", prompt=prompt):
        marks[row.pop("verdict")].append(Mark(**row))
    findings: dict[str, list[Found]] = defaultdict(list)
    for row in store.query("explain/findings", prompt=prompt):
        findings[row.pop("verdict")].append(Found(**row))
    said: dict[str, list[Said]] = defaultdict(list)
    for row in store.query("explain/verdicts", prompt=prompt):
        answer, key = row.pop("answer"), row.pop("key")
        said[answer].append(Said(**row, marks=marks[key], findings=findings[key]))
    return said


def _sampled(row: Row, verdicts: list[Said]) -> Sampled:
    fields = {name: value for name, value in row.items() if name not in ("answer", "generator", "sample")}
    name = f"{row['generator']} #{row['sample']}"
    return Sampled(**fields, name=name, verdicts=verdicts if row["failure"] is None else [])


def _named(key: str, names: dict[str, str]) -> str:
    return names.get(key, key)


def _outcomes(store: Store, prompt: str, names: dict[str, str]) -> list[Outcome]:
    responses: dict[str, dict[str, str]] = defaultdict(dict)
    prompts: dict[str, str] = {}
    for row in store.query("explain/outcomes", prompt=prompt):
        if row["response"] is None:
            prompts[row["pairing"]] = row["outcome"]
        else:
            responses[row["pairing"]][_named(row["response"], names)] = row["outcome"]
    pairs: dict[str, list[Paired]] = defaultdict(list)
    for row in store.query("explain/pairs", prompt=prompt):
        pair = Paired(_named(row["chosen"], names), _named(row["rejected"], names), row["margin"], row["confidence"])
        pairs[row["pairing"]].append(pair)
    return [
        Outcome(row["key"], row["created"], row["strategy"], row["judge"], prompts.get(row["key"], "unknown"),
                responses[row["key"]], pairs[row["key"]])
        for row in store.query("explain/pairings", prompt=prompt)
    ]  # fmt: skip
