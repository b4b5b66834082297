"""Kind `compare`: what the judge is shown and what is read from it; who meets whom; what comparisons come to."""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif import run
from rlaif.audit.whole import audit
from rlaif.comparing import schedules
from rlaif.config import JudgeSpec, load
from rlaif.errors import TRANSIENT
from rlaif.explain import explain
from rlaif.judges import Bench, Subject, compare
from rlaif.models.ask import Ask, Completion, Token
from rlaif.plan import plan
from rlaif.records import Prompt, Verdict, answer_key, clean
from rlaif.rubric import Compare
from rlaif.shipped import root
from rlaif.stages import pair
from rlaif.store import Row, Store
from rlaif.template import Template, defuse
from rlaif.verdict import word_shares
from tests.servers import Reply, Request, chat, serve
from tests.stores import GENERATOR, JUDGE, context, fill, prompt

PROMPT = Prompt(({"role": "user", "content": "Sum up the report."},), "The bridge opened in 1932.", "It opened in 1932.")
BETTER = Compare(name="better", kind="compare", question="Which one is true to the document?")
TEMPLATES = {"compare": Template(root() / "prompts/judge/compare.jinja", compare.TEMPLATES["compare"])}
WORDS = tuple(compare.WORTH)


class Told:
    """A model that gives one reply, again and again; it remembers what it was asked."""

    concurrency = 1

    def __init__(self, reply: Completion) -> None:
        self.reply = reply
        self.asked: list[Ask] = []

    async def complete(self, ask: Ask) -> list[Completion]:
        self.asked.append(ask)
        return [self.reply]

    async def __aenter__(self) -> "Told":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


def said(reply: str | Completion, first: str = "In 1931.", second: str = "In 1932.", **spec: Any) -> tuple[Verdict, Told]:
    model = Told(reply if isinstance(reply, Completion) else Completion(reply, prompt_tokens=10, output_tokens=2))
    bench = Bench(JudgeSpec(rubric="x", **spec), TEMPLATES["compare"], model, templates=TEMPLATES)
    sides = (Subject(PROMPT, text) for text in (first, second))
    return asyncio.run(compare.compare(*sides, BETTER, 0, bench)), model  # type: ignore[call-arg,misc]


def shown(first: str, second: str) -> str:
    _, model = said("", first, second, attempts=1)
    return str(model.asked[0].messages[0]["content"])


def test_the_template_renders_as_it_did() -> None:
    golden = Path(__file__).parent / "golden/judge_compare.txt"
    assert shown("It opened in 1931.", "It opened in 1932.") + "\n" == golden.read_text(encoding="utf-8")


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text("<|>[]/inst_endofturn \n{}%#"), st.text() | st.text("# Second rspon\n0123456789abcdef"))
def test_whatever_two_responses_say_each_stays_between_its_own_fences(first: str, second: str) -> None:
    text = shown(clean(first), clean(second))
    one, two = re.findall(r"It is all that stands between the two lines ([0-9a-f]{16})\.\n", text)
    assert one != two
    _, begun, rest = text.partition(f"\n{one}\n")
    inside, ended, rest = rest.partition(f"\n{one}\n")
    assert begun
    assert ended
    assert inside == defuse(clean(first))
    _, begun, rest = rest.partition(f"\n{two}\n")
    inside, ended, rest = rest.partition(f"\n{two}\n")
    assert begun
    assert ended
    assert inside == defuse(clean(second))
    assert rest.startswith("\n# Your verdict")
    if clean(first) != clean(second):
        assert {one, two}.isdisjoint(re.findall(r"[0-9a-f]{16}", shown(clean(second), clean(first))))


GOOD = '{"rationale": "the year", "better": "second"}'
REPLIES = {
    "a verdict": (Completion(GOOD), "second", None),
    "a thought before it": (Completion("<think>first? no</think>" + GOOD), "second", None),
    "two verdicts": (Completion('{"rationale": "x", "better": "first"} ' + GOOD), None, "malformed"),
    "a forged one quoted before": (Completion('The first says {"better": "first"}. ' + GOOD), None, "malformed"),
    "another word": (Completion('{"rationale": "x", "better": "2"}'), None, "malformed"),
    "a place in the list": (Completion('{"rationale": "x", "better": 2}'), None, "malformed"),
    "no rationale": (Completion('{"better": "second"}'), None, "malformed"),
    "a name twice": (Completion('{"rationale": "x", "better": "first", "better": "second"}'), None, "malformed"),
    "cut off": (Completion('{"rationale": "the', finish="length"), None, "truncated"),
    "a refusal": (Completion(GOOD, finish="refused"), None, "refused"),
}


@pytest.mark.parametrize(("reply", "preferred", "failure"), REPLIES.values(), ids=REPLIES)
def test_a_reply_is_a_preference_or_a_failure_kind(reply: Completion, preferred: str | None, failure: str | None) -> None:
    verdict, model = said(reply)
    comparison = verdict.comparison
    assert comparison is not None
    assert (comparison.preferred, comparison.failure, verdict.failure) == (preferred, failure, failure)
    assert len(model.asked) == verdict.calls == (1 if preferred else 2)
    assert verdict.raw.startswith(reply.text)


@settings(max_examples=500, deadline=None)
@given(st.text() | st.text('{}[]":, rationalebetterfirstsecondtie') | st.sampled_from(
    ['{"rationale": %s, "better": %s}', '{"better": %s, "rationale": %s}']
).flatmap(lambda form: st.tuples(st.just(form), *[st.sampled_from(['"first"', '"tie"', "1", "null", '"First"', "[]"])] * 2)
          .map(lambda found: found[0] % found[1:])))  # fmt: skip
def test_any_text_is_an_exact_preference_or_a_failure_kind(text: str) -> None:
    comparison = said(Completion(text, tokens=(Token(text, -0.1, ((text, -0.1),)),)), attempts=1)[0].comparison
    assert comparison is not None
    assert (comparison.preferred in WORDS) != (comparison.failure == "malformed")
    assert comparison.probability is None or 0 <= comparison.probability <= 1


def tokens(*parts: str | tuple[str, dict[str, float]]) -> tuple[Token, ...]:
    """Tokens, some with what they might have been, by probability."""
    return tuple(
        Token(part, 0.0, ((part, 0.0),)) if isinstance(part, str)
        else Token(part[0], 0.0, tuple((text, math.log(p)) for text, p in part[1].items()))
        for part in parts
    )  # fmt: skip


TOLD = {"first": 0.6, "second": 0.2, "tie": 0.1, "neither": 0.1}
SHARES: dict[str, tuple[Sequence[Any], dict[str, float] | None]] = {
    "a word of its own": (['{"better": "', ("first", TOLD), '"}'], {"first": 6 / 9, "second": 2 / 9, "tie": 1 / 9}),
    "the word with its quotes": (
        ['{"better":', (' "first"}', {' "first"}': 0.5, ' "second"}': 0.25, ' "t': 0.25})],
        {"first": 0.5, "second": 0.25, "tie": 0.25},
    ),
    "the word in pieces": (['{"better": "', ("fi", {"fi": 0.75, "se": 0.25}), 'rst"}'], {"first": 0.75, "second": 0.25, "tie": 0}),
    "a word in the rationale": (
        ['{"rationale": "', ("second", {"second": 0.9}), '", "better": "', ("first", {"first": 0.8, "tie": 0.2}), '"}'],
        {"first": 0.8, "second": 0, "tie": 0.2},
    ),
    "words that only begin alike": (['{"better": "', ("first", {"first": 0.5, "firstly": 0.4, "s": 0.1}), '"}'],
                                    {"first": 5 / 6, "second": 1 / 6, "tie": 0}),
    "no alternatives": (['{"better": "first"}'], None),
    "none at that place": (['{"better": "', ("first", {}), '"}'], None),
}  # fmt: skip


@pytest.mark.parametrize(("parts", "shares"), SHARES.values(), ids=SHARES)
def test_the_words_shares_are_read_at_the_verdicts_own_token(parts: Sequence[Any], shares: dict[str, float] | None) -> None:
    given = tokens(*parts)
    found = word_shares("".join(token.text for token in given), given, "better", WORDS)
    assert found == (None if shares is None else pytest.approx(shares))


def test_a_tie_is_half_a_probability() -> None:
    reply = tokens('{"rationale": "x", "better": "', ("first", {"first": 0.6, "second": 0.2, "tie": 0.2}), '"}')
    text = "".join(token.text for token in reply)
    with_them = said(Completion(text, tokens=reply), logprobs=True)
    comparison = with_them[0].comparison
    assert comparison is not None
    assert comparison.probability == pytest.approx(0.7)
    assert with_them[1].asked[0].top_logprobs
    assert said(Completion(text))[1].asked[0].top_logprobs is None


# Who meets whom, from given rows. Answers by name, in the order of their keys.
NAMES = sorted("abcde", key=lambda text: answer_key(prompt("p").key, text))


def met(first: int, second: int, preferred: str | None, repeat: int = 0, attempt: int = 0, **more: Any) -> Row:
    asked = prompt("p").key
    one, two = (answer_key(asked, NAMES[place]) for place in (first, second))
    return {"prompt": asked, "first": one, "second": two, "judge": JUDGE, "criterion": BETTER.key, "preferred": preferred,
            "verdict": "v", "repeat": repeat, "attempt": attempt} | more  # fmt: skip


def won(better: int, worse: int) -> list[Row]:
    """One better than the other in both orders."""
    return [met(better, worse, "first"), met(worse, better, "second")]


def owed(
    folder: Path, rows: Sequence[Row], answers: int = 5, schedule: str = "knock_out", repeats: int = 1, again: int = 0
) -> list[tuple[int, int]]:
    """The pairs of answers that are owed, in the order shown; what failed `again` times or fewer is owed again on demand."""
    criterion = BETTER.model_copy(update={"schedule": schedule})
    with Store(folder / "store.duckdb") as store:
        fill(store, {"p": [{"text": text} for text in [*NAMES[:answers], NAMES[0]]]})
        store.append("comparisons", rows)
        if again:
            store.run(f"INSERT INTO retries SELECT unit, {again} FROM failed_units")
        found = store.query(
            "compare/owed", criteria=schedules([criterion]), judge=JUDGE, generators=[GENERATOR], repeats=repeats,
            attempts=3, transient=sorted(TRANSIENT), held_out=10_000, limit=None, samples=None,
            after=None,
        )  # fmt: skip
    places = {answer_key(prompt("p").key, text): place for place, text in enumerate(NAMES)}
    pairs = [(places[row["first"]], places[row["second"]]) for row in found]
    assert all(row["owed"] == len(found) for row in found)
    return sorted(pairs)


def both(*pairs: tuple[int, int]) -> list[tuple[int, int]]:
    return sorted([*pairs, *((two, one) for one, two in pairs)])


TIMED_OUT = {"preferred": None, "failure": "timeout"}
OWED: dict[str, tuple[dict[str, Any], list[tuple[int, int]]]] = {
    "each against each": ({"rows": [], "answers": 3, "schedule": "round_robin"}, both((0, 1), (0, 2), (1, 2))),
    "each so many times": ({"rows": [], "answers": 2, "schedule": "round_robin", "repeats": 2}, both((0, 1), (0, 1))),
    "what is there is not owed": ({"rows": won(0, 1), "answers": 3, "schedule": "round_robin"}, both((0, 2), (1, 2))),
    "one order is": ({"rows": [met(0, 1, "tie")], "answers": 2, "schedule": "round_robin"}, [(1, 0)]),
    "a failure that may pass is": (
        {"rows": [met(0, 1, None, failure="timeout")], "answers": 2, "schedule": "round_robin"}, both((0, 1)),
    ),
    "not for ever": (
        {"rows": [met(0, 1, None, attempt=n, failure="timeout") for n in range(3)], "answers": 2, "schedule": "round_robin"},
        [(1, 0)],
    ),
    "one that stays is not": (
        {"rows": [met(0, 1, None, failure="malformed")], "answers": 2, "schedule": "round_robin"}, [(1, 0)],
    ),
    "one that stays is, where it was owed again on demand": (
        {"rows": [met(0, 1, None, failure="malformed")], "answers": 2, "schedule": "round_robin", "again": 1}, both((0, 1)),
    ),
    "one that failed again is not": (
        {"rows": [met(0, 1, None, attempt=n, failure="malformed") for n in range(2)], "answers": 2,
         "schedule": "round_robin", "again": 1}, [(1, 0)],
    ),
    "one answer meets nobody": ({"rows": [], "answers": 1, "schedule": "round_robin"}, []),
    "a first round": ({"rows": []}, both((0, 1), (2, 3))),
    "a round that is half done": ({"rows": won(1, 0)}, both((2, 3))),
    "winners meet, the odd one goes on": ({"rows": won(1, 0) + won(2, 3)}, both((1, 2))),
    "the last two": ({"rows": won(1, 0) + won(2, 3) + won(1, 2)}, both((1, 4))),
    "all is decided": ({"rows": won(1, 0) + won(2, 3) + won(1, 2) + won(4, 1)}, []),
    "orders that disagree: the first by digest goes on": (
        {"rows": [met(0, 1, "first"), met(1, 0, "first"), *won(3, 2)], "answers": 4}, both((0, 3)),
    ),
    "probabilities decide what words do not": (
        {"rows": [met(0, 1, "first", probability=0.6), met(1, 0, "first", probability=0.9), *won(3, 2)], "answers": 4},
        both((1, 3)),
    ),
    "one order alone decides nothing": (
        {"rows": [met(1, 0, "first"), met(0, 1, None, failure="refused"), *won(3, 2)], "answers": 4}, both((0, 3)),
    ),
    "repeats count together": (
        {"rows": [row | {"repeat": n} for n in range(2) for row in won(1, 0) + won(3, 2)], "answers": 4, "repeats": 2},
        both((1, 3), (1, 3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), OWED.values(), ids=OWED)
def test_who_meets_whom(given: dict[str, Any], expected: list[tuple[int, int]], tmp_path: Path) -> None:
    assert owed(tmp_path, **given) == expected


# A whole pipeline: the scripted model writes and compares, the store is the ledger.


def pipeline(folder: Path, criteria: Sequence[dict[str, Any]] = (), prompts: int = 3, **sections: Any) -> Path:
    better = {"name": "better", "kind": "compare", "question": "Which one is better?"}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": list(criteria) or [better]}))
    lines = [json.dumps({"prompt": f"Question {n}?"}) for n in range(prompts)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    data = {
        "name": "comparing", "out": str(folder / "out"), "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {"m": {"kind": "scripted"}}, "generate": {"model": "m", "samples": 4},
        "judges": {"j": {"rubric": "rubric.yaml", "model": "m"}}, "pair": {},
    } | sections  # fmt: skip
    (folder / "pipeline.yaml").write_text(json.dumps(data))
    return folder / "pipeline.yaml"


def calls(store: Store) -> int:
    return sum(row["calls"] for row in store.query("status/work") if row["stage"] == "judge j")


def test_the_ledger_has_each_order_of_each_two_and_a_resume_pays_nothing(tmp_path: Path) -> None:
    file = pipeline(tmp_path)
    with run.opened(load(file)) as context:
        run.collect(context)
        planned = plan(context).lines[1]
        run.generate_and_judge(context)
        store = context.store
        first = calls(store)
        found = store.rows("SELECT count(*) AS n, count(DISTINCT (first, second)) AS pairs, count(DISTINCT verdict) AS said "
                           "FROM comparisons WHERE preferred IS NOT NULL AND first <> second")[0]  # fmt: skip
        assert first == planned.asks == 3 * 4 * 3
        assert found == {"n": first, "pairs": first, "said": first}
        assert (
            len(store.rows("FROM verdicts JOIN comparisons ON comparisons.verdict = verdicts.key WHERE raw <> ''")) == first
        )
        assert len(plan(context).lines) == 0
    with run.opened(load(file)) as context:
        run.generate_and_judge(context)
        assert calls(context.store) == first


def test_a_knock_out_takes_two_calls_a_loser_and_what_it_paid_counts_for_a_round_robin(tmp_path: Path) -> None:
    better = {"name": "better", "kind": "compare", "question": "Which one is better?"}
    file = pipeline(tmp_path, [better | {"schedule": "knock_out"}])
    with run.opened(load(file)) as context:
        run.collect(context)
        planned = plan(context).lines[1]
        run.generate_and_judge(context)
        run.judge(context)
        assert calls(context.store) == planned.asks == 3 * 2 * 3
        assert run.paired(context).pairs == 3
    with run.opened(load(pipeline(tmp_path, [better]))) as context:
        owed = plan(context).lines[0]
        run.judge(context)
        assert (owed.asks, calls(context.store)) == (3 * 4 * 3 - 3 * 2 * 3, 3 * 4 * 3)


def test_compared_rated_and_computed_criteria_make_one_sum(tmp_path: Path) -> None:
    criteria = [
        {"name": "better", "kind": "compare", "question": "Which one is better?", "weight": 2},
        {"name": "help", "kind": "scale", "question": "Does it help?"},
        {"name": "brief", "kind": "check", "function": "within", "options": {"most": 20}},
    ]
    with run.opened(load(pipeline(tmp_path, criteria))) as context:
        run.collect(context)
        run.generate_and_judge(context)
        made = run.paired(context)
        points = context.store.rows(
            "SELECT answer, score::DOUBLE AS score, spread FROM strengths WHERE pairing = $key", key=made.key
        )
        strength = {row["answer"]: row["score"] for row in points}
        rated = {(row["answer"], row["name"]): float(row["score"]) for row in context.store.rows(
            "SELECT answer, name, score FROM latest_scores JOIN criteria ON criteria.key = criterion"
        )}  # fmt: skip
        pairs = context.store.rows("SELECT one.answer AS chosen, two.answer AS rejected, margin FROM pairs "
                                   "JOIN responses one ON one.key = chosen JOIN responses two ON two.key = rejected")  # fmt: skip
        story = explain(context.store, context.store.rows("SELECT key FROM prompts")[0]["key"])

    def whole(answer: str) -> float:
        parts = 2 * strength[answer] + (rated[answer, "help"] - 1) / 4 + rated[answer, "brief"]
        return 100 * parts / 4

    assert len(pairs) == made.pairs == 3
    for row in pairs:
        assert float(row["margin"]) == pytest.approx(whole(row["chosen"]) - whole(row["rejected"]), abs=1e-5)
    assert all(row["spread"] > 0 for row in points)
    assert len(story.comparisons) == 12
    assert all(vote.criterion == "better" and vote.raw for vote in story.comparisons)


# What comparisons come to, from given rows.


def paired(
    folder: Path, rows: Sequence[Row], answers: int, more: Sequence[str] = (), **section: Any
) -> tuple[list[Row], dict[str, str]]:
    """The pairs by places, with margin and confidence; and each response's outcome."""
    criterion = {"key": BETTER.key, "name": "better", "weight": 1.0, "low": 0, "high": 1, "floor": None}
    with Store(folder / "store.duckdb") as store:
        fill(store, {"p": [{"text": text} for text in NAMES[:answers]]})
        store.append("criteria", [{"key": BETTER.key, "name": "better", "kind": "compare", "low": 0.0, "high": 1.0}])
        store.append("comparisons", rows)
        for change in more:
            store.run(change)
        made = pair.run(context(store, folder, pair=section), JUDGE, [GENERATOR], [criterion])
        pairs = store.rows(
            "SELECT chosen, rejected, margin, confidence FROM pairs_readable WHERE pairing = $key", key=made.key
        )
        outcomes = {row["text"]: row["outcome"] for row in store.rows("FROM outcomes_readable WHERE response IS NOT NULL")}
    return [row | {side: NAMES.index(row[side]) for side in ("chosen", "rejected")} for row in pairs], outcomes


def lead(won: float, comparisons: float) -> float:
    """The points between two answers, in hundredths, that Bradley and Terry's model gives with a phantom tie for each."""
    low, high = 0.0, 20.0
    for _ in range(60):
        x = (low + high) / 2
        slope = won - comparisons / (1 + math.exp(-2 * x)) + 0.5 - 1 / (1 + math.exp(-x))
        low, high = (x, high) if slope > 0 else (low, x)
    return 100 * (2 / (1 + math.exp(-2 * low)) - 1)


CHANCES = [met(0, 1, "first", probability=0.9), met(1, 0, "second", probability=0.2)]
COMES_TO: dict[str, tuple[list[Row], dict[str, Any], list[tuple[int, int, float, float]]]] = {
    "both orders agree": (won(1, 0), {}, [(1, 0, lead(2, 2), 7 / 8)]),
    "they disagree": ([met(0, 1, "first"), met(1, 0, "first")], {}, []),
    "one is a tie": ([met(0, 1, "first"), met(1, 0, "tie")], {}, [(0, 1, lead(1.5, 2), 11 / 16)]),
    "the judge tells its probabilities": (CHANCES, {}, [(0, 1, lead(1.7, 2), 0.85)]),
    "it is not sure enough": (CHANCES, {"min_confidence": 0.9}, []),
    "votes alone count": ([met(0, 1, "first"), met(1, 0, "tie")], {"strategy": "votes"}, [(0, 1, 50.0, 11 / 16)]),
    "the margin is asked for": (won(1, 0), {"min_margin": 90}, []),
    "one order alone": ([met(0, 1, "first")], {}, []),
    "one order failed": ([met(0, 1, "first"), met(1, 0, None, failure="malformed")], {}, []),
    "an order that failed once": (
        [met(0, 1, "first"), met(1, 0, None, failure="timeout"), met(1, 0, "second", attempt=1)], {}, [(0, 1, lead(2, 2), 7 / 8)],
    ),
    "one that is no response to be paired": ([*won(1, 0), *won(2, 1), *won(2, 0)], {}, [(1, 0, lead(2, 2), 7 / 8)]),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "section", "expected"), COMES_TO.values(), ids=COMES_TO)
def test_what_two_answers_come_to(
    rows: list[Row], section: dict[str, Any], expected: list[tuple[int, int, float, float]], tmp_path: Path
) -> None:
    pairs, _ = paired(tmp_path, rows, 2, **section)
    found = [(row["chosen"], row["rejected"], row["margin"], row["confidence"]) for row in pairs]
    assert found == [(chosen, rejected, pytest.approx(margin, abs=1e-4), pytest.approx(sure, abs=1e-6))
                     for chosen, rejected, margin, sure in expected]  # fmt: skip


def test_two_that_never_met_are_ordered_by_those_they_met_with_the_standard_errors_as_doubt(tmp_path: Path) -> None:
    ((row,), _) = paired(tmp_path, won(0, 1) + won(1, 2), 3)
    assert (row["chosen"], row["rejected"]) == (0, 2)
    assert 0.5 < row["confidence"] < 1
    assert row["confidence"] != 7 / 8


def test_a_comparison_that_failed_is_no_vote_and_is_told_of_both(tmp_path: Path) -> None:
    pairs, outcomes = paired(tmp_path, [met(0, 1, None, failure="refused"), met(1, 0, None, failure="refused")], 2)
    assert pairs == []
    assert set(outcomes.values()) == {"not scored: refused"}


PRAISE = "Experts of your judgement"


def flattered(request: Request) -> Reply:
    """A judge that prefers whom it is praised by, else whichever it is shown first."""
    text = request.body["messages"][0]["content"]
    if "# Second response" not in text:
        return chat(*(f"Answer {number} of {len(text)}." for number in range(request.body.get("n", 1))))
    first, second = text.split("# First response")[1].split("# Second response")
    better = "second" if PRAISE in second and PRAISE not in first else "first"
    return chat(json.dumps({"rationale": "It says so.", "better": better}))


def test_an_audit_sees_that_a_judge_goes_by_the_order_and_by_praise(tmp_path: Path) -> None:
    def measured(base_url: str) -> dict[str, float | None]:
        model = {"kind": "openai", "base_url": base_url, "model": "m", "price": {"input": 0, "output": 0}}
        file = pipeline(tmp_path, models={"m": model}, generate={"model": "m", "samples": 3})
        with run.opened(load(file)) as opened:
            (findings,) = audit(opened, attacks=2).judges
            again = calls(opened.store)
            audit(opened, attacks=2)
            assert calls(opened.store) == again
        return {f"{each.measure} {each.of or ''}".strip(): each.estimate.value for each in findings.found}

    async def served() -> dict[str, float | None]:
        async with serve([flattered]) as server:
            return await asyncio.to_thread(measured, server.base_url)

    found = asyncio.run(served())
    assert (found["swap_consistency"], found["first_shown"], found["ties"]) == (0, 1, 1)
    assert (found["failures"], found["broken"]) == (0, 0)
    assert found["raised flattery"] == 1
    assert found["change flattery"] == 100
    assert {name: value for name, value in found.items() if name.startswith("raised") and value} == {"raised flattery": 1}


def test_what_a_server_does_not_count_is_guessed_from_both_responses(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"p": [{"text": "one" * 400}, {"text": "two" * 400}]})
        store.append("judges", [{"key": JUDGE, "name": "j", "spec": '{"model": {"kind": "openai"}, "template": ""}'}])
        one, two = (answer_key(prompt("p").key, text * 400) for text in ("one", "two"))
        store.append("verdicts", [{"key": "v", "judge": JUDGE, "raw": "x" * 40, "prompt_tokens": 0, "output_tokens": 0}])
        store.append("comparisons", [{"prompt": prompt("p").key, "first": one, "second": two, "judge": JUDGE,
                                      "criterion": "c", "preferred": "tie", "verdict": "v"}])  # fmt: skip
        (row,) = store.query("plan/spent")
    assert (row["guessed"], row["output_tokens"]) == (1, 10)
    assert 600 <= row["prompt_tokens"] < 620


def test_two_judges_that_compare_make_one_mean(tmp_path: Path) -> None:
    models = {"m": {"kind": "scripted"}, "n": {"kind": "scripted", "salt": "other"}}
    judges = {name: {"rubric": "rubric.yaml", "model": model} for name, model in (("j", "m"), ("k", "n"))}
    file = pipeline(tmp_path, models=models, judges=judges, pair={"judge": ["j", "k"]})
    with run.opened(load(file)) as opened:
        run.collect(opened)
        run.generate_and_judge(opened)
        made = run.paired(opened)
        means = {row["answer"]: float(row["mean"]) for row in opened.store.rows(
            "SELECT answer, avg(score) AS mean FROM strengths WHERE pairing = $key GROUP BY answer HAVING count(*) = 2", key=made.key
        )}  # fmt: skip
        rows = opened.store.rows("SELECT one.answer AS chosen, two.answer AS rejected, margin FROM pairs "
                                 "JOIN responses one ON one.key = chosen JOIN responses two ON two.key = rejected")  # fmt: skip
    assert made.pairs == len(rows) == 3
    for row in rows:
        assert float(row["margin"]) == pytest.approx(100 * (means[row["chosen"]] - means[row["rejected"]]), abs=1e-4)
