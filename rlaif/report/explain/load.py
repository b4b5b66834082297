"""Reads the history of one prompt from the store."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from rlaif.core.errors import InputError
from rlaif.report.explain import queries
from rlaif.report.explain.judge_labels import Judges
from rlaif.report.explain.types import (
    Escalation,
    Found,
    FullVerdict,
    Mark,
    Noted,
    Outcome,
    Paired,
    PromptHistory,
    Sampled,
    Vote,
)
from rlaif.store.store import Row, Store

# Characters of a text that are enough to recognise it.
GLIMPSE = 60


def explain(store: Store, prefix: str, present: Mapping[str, str] = {}) -> PromptHistory:
    """Return the history of the prompt whose key starts with `prefix`, or of the response or pair with that key.

    `present` holds the judges of the pipeline file, keys by name; others with these names are marked as earlier versions.
    Raises InputError if no prompt or several prompts match, and names similar ones by key or text.
    """
    row = _find(store, prefix)
    prompt, judges = row["key"], Judges(store, present)
    responses = store.query(queries.RESPONSES, prompt=prompt)
    verdicts = _verdicts(store, prompt, judges)
    sampled = [_sampled(response, verdicts[response["answer"]]) for response in responses]
    names = {response.key: response.name for response in sampled}
    # Judges see equal texts once, so such a text is named after its first response.
    answers = {response["answer"]: names[response["key"]] for response in reversed(responses)}
    return PromptHistory(
        prompt=prompt,
        source=row["source"],
        in_play=row["in_play"],
        messages=json.loads(row["messages"]),
        document=row["document"],
        reference=row["reference"],
        checklist=json.loads(row["checklist"] or "[]"),
        metadata=json.loads(row["metadata"]),
        shown={
            row["generator"]: json.loads(row["messages"]) for row in store.query(queries.RENDERED_PROMPTS, prompt=prompt)
        },
        notes=[
            Noted(**note | {"judge": judges[note["judge"]], "texts": json.loads(note["texts"])})
            for note in store.query(queries.NOTES, prompt=prompt)
        ],
        responses=sampled,
        comparisons=[
            Vote(judges[vote.pop("judge")], **vote | {side: _named(vote[side], answers) for side in ("first", "second")})
            for vote in store.query(queries.COMPARISONS, prompt=prompt)
        ],
        passed_on=[
            Escalation(judges[row["before"]], judges[row["judge"]], row["lead"])
            for row in store.query(queries.ESCALATIONS, prompt=prompt)
        ],
        outcomes=_outcomes(store, prompt, names, judges),
    )


def _find(store: Store, prefix: str) -> Row:
    prefix = prefix.strip()
    # Most ids are whole, and a whole one is found much sooner.
    found = store.query(queries.PROMPT, prefix=prefix.lower()) or store.query(queries.PROMPTS, prefix=prefix.lower())
    if len(found) == 1:
        return found[0]
    if found:
        what = f"several prompt ids start with {prefix!r}" if prefix else "no id was given"
        raise InputError(what, where="explain", fix=f"Use a longer part of one of these ids:\n{_glimpses(found)}")
    containing = "SELECT key, messages FROM prompts WHERE contains(lower(messages), $text) ORDER BY position LIMIT 5"
    near = store.query(containing, text=prefix.lower()) or store.query(queries.PROMPTS, prefix="")
    fix = f"Did you mean one of these?\n{_glimpses(near)}" if near else "The store holds no prompts yet."
    raise InputError(f"no prompt id starts with {prefix!r}", where="explain", fix=fix)


def _glimpses(rows: Iterable[Row]) -> str:
    texts = ((row["key"], " ".join(json.loads(row["messages"])[-1]["content"].split())) for row in rows)
    # Escaped, because the text comes from a data set and goes to a terminal.
    return "\n".join(f"  {key}  {text[:GLIMPSE]!a}" for key, text in texts)


def _verdicts(store: Store, prompt: str, judges: Judges) -> dict[str, list[FullVerdict]]:
    """Return the verdicts on each answer."""
    marks: dict[str, list[Mark]] = defaultdict(list)
    for row in store.query(queries.SCORES, prompt=prompt):
        marks[row.pop("verdict")].append(Mark(**row))
    findings: dict[str, list[Found]] = defaultdict(list)
    for row in store.query(queries.FINDINGS, prompt=prompt):
        findings[row.pop("verdict")].append(Found(**row))
    verdicts: dict[str, list[FullVerdict]] = defaultdict(list)
    for row in store.query(queries.VERDICTS, prompt=prompt):
        answer, key = row.pop("answer"), row.pop("key")
        verdicts[answer].append(FullVerdict(judges[row.pop("judge")], **row, marks=marks[key], findings=findings[key]))
    return verdicts


def _sampled(row: Row, verdicts: list[FullVerdict]) -> Sampled:
    fields = {name: value for name, value in row.items() if name not in ("answer", "generator", "sample")}
    name = f"{row['generator']} #{row['sample']}"
    return Sampled(**fields, name=name, verdicts=verdicts if row["failure"] is None else [])


def _named(key: str, names: dict[str, str]) -> str:
    return names.get(key, key)


def _outcomes(store: Store, prompt: str, names: dict[str, str], judges: Judges) -> list[Outcome]:
    responses: dict[str, dict[str, str]] = defaultdict(dict)
    prompts: dict[str, str] = {}
    for row in store.query(queries.OUTCOMES, prompt=prompt):
        if row["response"] is None:
            prompts[row["pairing"]] = row["outcome"]
        else:
            responses[row["pairing"]][_named(row["response"], names)] = row["outcome"]
    pairs: dict[str, list[Paired]] = defaultdict(list)
    for row in store.query(queries.PAIRS, prompt=prompt):
        pair = Paired(_named(row["chosen"], names), _named(row["rejected"], names), row["margin"], row["confidence"])
        pairs[row["pairing"]].append(pair)
    return [
        Outcome(
            row["key"],
            row["created"],
            row["strategy"],
            judges.together(row["judges"], row["mix"]),
            prompts.get(row["key"], "unknown"),
            responses[row["key"]],
            pairs[row["key"]],
        )
        for row in store.query(queries.PAIRINGS, prompt=prompt)
    ]
