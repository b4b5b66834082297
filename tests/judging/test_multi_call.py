"""Kinds that make several calls: what claims, key points and checklists come to, and what is noted once for a prompt."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.context.facts import StoredFacts
from rlaif.context.run import ATTEMPTS
from rlaif.core.errors import ModelError
from rlaif.core.progress import Tally
from rlaif.core.types import Prompt, Verdict
from rlaif.judging import KINDS, Candidate, Note
from rlaif.judging.parsing import MOST_TEXTS, TEXT, TEXTS, read_fields
from rlaif.pipeline.prompt_notes import Notes
from rlaif.store.store import Store
from tests.support.paths import TESTS
from tests.support.scripted_judge import COUNTING, PROMPT, Told, done, judge_context


def judged(kind: str, told: Told, text: str = "It opened in 1931.", prompt: Prompt = PROMPT, **options: Any) -> Verdict:
    criterion = COUNTING[kind].model_copy(update=options)
    return done(KINDS[kind].judge(Candidate(prompt, text), [criterion], 0, judge_context(told)))


def support(word: str) -> str:
    return json.dumps({"rationale": "r", "support": word})


def points(*words: str) -> str:
    return json.dumps({"rationale": "r"} | {str(number): word for number, word in enumerate(words, 1)})


ITEMS = json.dumps({"essential": ["a"], "important": ["b"], "optional": ["c"], "pitfall": ["d"]})
VALUES: dict[str, tuple[str, list[str], float, list[str]]] = {
    "claims": (
        "claims",
        ['{"claims": ["a", "b", "c", "d"]}', *map(support, ("supported", "supported", "partly", "not"))],
        2.5 / 4,
        ["supported", "supported", "partly", "not"],
    ),
    "keypoints": ("keypoints", ['{"points": ["a", "b"]}', points("covered", "missing")], 0.5, ["covered", "missing"]),
    "checklist": ("checklist", [ITEMS, points("yes", "yes", "yes", "no")], 1.0, ["yes", "yes", "yes", "no"]),
    "a pitfall": ("checklist", [ITEMS, points("yes", "no", "no", "yes")], 1.0 / 2.9, ["yes", "no", "no", "yes"]),
}


@pytest.mark.parametrize(("kind", "replies", "value", "outcomes"), VALUES.values(), ids=VALUES)
def test_a_value_is_the_share_of_what_was_found_and_every_finding_is_kept(
    kind: str, replies: list[str], value: float, outcomes: list[str]
) -> None:
    verdict = judged(kind, Told(*replies))
    assert verdict.scores[0].value == pytest.approx(value)
    assert [finding.outcome for finding in verdict.findings] == outcomes
    assert verdict.raw.endswith(replies[-1])


def test_a_judgement_counts_all_its_calls() -> None:
    assert judged("claims", Told(*VALUES["claims"][1])).calls == 5
    assert judged("claims", Told("nothing"), text="x").calls == 1
    assert judged("claims", Told(""), prompt=Prompt(PROMPT.messages)).calls == 0


def test_a_repeated_claim_counts_once() -> None:
    told = Told('{"claims": ["It is  so.", "It is so.", "It is not."]}', support("not"), support("supported"))
    assert [found.text for found in judged("claims", told).findings] == ["It is so.", "It is not."]


def test_points_beyond_one_reply_are_requested_in_parts() -> None:
    note = Note([f"point {number}" for number in range(MOST_TEXTS + 2)])

    async def once(prompt: Prompt, criterion: str, make: Callable[[], Awaitable[Note]]) -> Note:
        return note

    told = Told(points(*["covered"] * MOST_TEXTS), points("missing", "missing"))
    (criterion,) = [COUNTING["keypoints"]]
    work = KINDS["keypoints"].judge(Candidate(PROMPT, "x"), [criterion], 0, replace(judge_context(told), once=once))
    verdict = done(work)
    assert verdict.calls == 2
    assert verdict.scores[0].value == pytest.approx(MOST_TEXTS / (MOST_TEXTS + 2))
    assert [found.text for found in verdict.findings] == note.texts


def test_a_checklist_that_comes_with_the_prompt_is_used_and_none_is_written() -> None:
    given = replace(
        PROMPT, checklist=("essential: It names the year.", "optional: It is short.", "pitfall: It invents a price.")
    )
    told = Told(points("yes", "no", "yes"))
    verdict = judged("checklist", told, prompt=given)
    assert (verdict.calls, verdict.scores[0].value) == (1, pytest.approx(1.0 / (1.0 + 0.3 + 0.9)))
    assert [found.earned for found in verdict.findings] == [1.0, 0.0, 0.0]
    assert "1. It names the year.\n2. It is short.\n3. It invents a price.\n" in told.asked[0]


EMPTY = {
    "no claim": ("claims", '{"claims": []}', PROMPT),
    "no document for claims": ("claims", "", Prompt(PROMPT.messages)),
    "no key point": ("keypoints", '{"points": []}', PROMPT),
    "no document for key points": ("keypoints", "", Prompt(PROMPT.messages)),
    "no item": ("checklist", '{"essential": [], "important": [], "optional": [], "pitfall": []}', PROMPT),
}


@pytest.mark.parametrize(("kind", "reply", "prompt"), EMPTY.values(), ids=EMPTY)
def test_nothing_to_judge_is_inapplicable_not_zero(kind: str, reply: str, prompt: Prompt) -> None:
    verdict = judged(kind, Told(reply), prompt=prompt)
    assert [(score.value, score.failure) for score in verdict.scores] == [(None, "inapplicable")]
    given = judged(kind, Told(reply), prompt=prompt, if_none=0.5)
    if prompt.document is None:
        assert given.failure == "inapplicable", "there is nothing to judge by"
    else:
        assert (given.scores[0].value, given.findings[0].outcome) == (0.5, "none")


GOLDEN = TESTS / "golden"
SHOWN = {kind: list(KINDS[kind].TEMPLATES) for kind in COUNTING}


@pytest.mark.parametrize("kind", COUNTING)
def test_the_templates_of_a_kind_render_as_they_did(kind: str) -> None:
    told = Told(*VALUES[kind][1])
    judged(kind, told)
    assert len(told.asked) >= len(SHOWN[kind])
    for name, asked in zip(SHOWN[kind], told.asked, strict=False):
        assert asked + "\n" == (GOLDEN / f"judge_{name}.txt").read_text(encoding="utf-8")


def test_a_reply_is_read_strictly() -> None:
    fields: dict[str, Any] = {"a": TEXT, "b": TEXTS, "c": ("yes", "no")}
    assert read_fields('{"a": "x", "b": [" y "], "c": "no"}', fields) == {"a": "x", "b": ["y"], "c": "no"}
    for wrong in ({"c": "maybe"}, {"b": "y"}, {"b": [" "]}, {"b": ["y"] * 99}, {"a": 1}, {"d": 1}):
        with pytest.raises(ModelError):
            read_fields(json.dumps({"a": "x", "b": ["y"], "c": "no"} | wrong), fields)


def noting(store: Store) -> Notes:
    return Notes(StoredFacts(store), "judge", Tally("judge"))


def made(counts: list[int], *failures: str | None) -> Callable[[], Awaitable[Note]]:
    """Makes notes, each failing with the next of these kinds, or not."""
    left = list(failures)

    async def make() -> Note:
        counts.append(1)
        await asyncio.sleep(0)
        failure = left.pop(0)
        return Note([] if failure else ["a point"], failure=failure, calls=1)

    return make


def test_a_note_is_made_once_for_concurrent_callers_and_later_runs(tmp_path: Path) -> None:
    counts: list[int] = []
    make = made(counts, None)

    async def asked(notes: Notes) -> list[Note]:
        return await asyncio.gather(*(notes.once(PROMPT, "c", make) for _ in range(8)))

    with Store(tmp_path / "store.duckdb") as store:
        found = asyncio.run(asked(noting(store))) + asyncio.run(asked(noting(store)))
        assert [note.texts for note in found] == [["a point"]] * 16
        assert store.rows("SELECT count(*) AS n, sum(calls)::BIGINT AS calls FROM notes") == [{"n": 1, "calls": 1}]
    assert len(counts) == 1


NOTES = {
    "a fault that passes": (["timeout", "server", None], ["timeout", "server", None, None]),
    "one that does not": (["timeout"] * ATTEMPTS, ["timeout"] * (ATTEMPTS + 2)),
    "no list": (["malformed"], ["malformed"] * 3),
    "nothing in the document": (["inapplicable"], ["inapplicable"] * 2),
}


@pytest.mark.parametrize(("failures", "told"), NOTES.values(), ids=NOTES)
@pytest.mark.parametrize("runs", [True, False], ids=["each in a run of its own", "in one run"])
def test_a_failed_note_is_retried_a_bounded_number_of_times(
    tmp_path: Path, failures: list[str | None], told: list[str | None], runs: bool
) -> None:
    counts: list[int] = []
    make = made(counts, *failures)

    async def asked(notes: list[Notes]) -> list[str | None]:
        return [(await each.once(PROMPT, "c", make)).failure for each in notes]

    with Store(tmp_path / "store.duckdb") as store:
        one = noting(store)
        assert asyncio.run(asked([noting(store) if runs else one for _ in told])) == told
    assert len(counts) == len(failures)


def test_a_note_whose_first_caller_is_cancelled_is_still_made_for_the_others(tmp_path: Path) -> None:
    counts: list[int] = []
    make = made(counts, None)

    async def work(store: Store) -> Note:
        notes = noting(store)
        first = asyncio.create_task(notes.once(PROMPT, "c", make))
        second = asyncio.create_task(notes.once(PROMPT, "c", make))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    with Store(tmp_path / "store.duckdb") as store:
        assert asyncio.run(work(store)).texts == ["a point"]
    assert len(counts) == 1
