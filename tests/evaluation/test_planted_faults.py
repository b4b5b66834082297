"""What an evaluation must find where it was planted: verbosity, a judge's blind spot, a collapse."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.context.run import HeldOut
from rlaif.evaluation import Contest, Match, Side, describe, gap, match, read, read_texts
from rlaif.evaluation.table import notes, table
from rlaif.evaluation.text_stats import RUNS, expected, is_flattery, is_refusal, repetition, words
from rlaif.evaluation.types import Evaluation
from rlaif.store.store import Store
from tests.support.evaluation_rows import ask, respond, score

ALL = HeldOut(0.1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as store:
        store.append("generators", [{"key": "B", "name": "base"}, {"key": "T", "name": "trained"}])
        store.append("judges", [{"key": "J", "name": "tiny"}, {"key": "O", "name": "oracle"}, {"key": "H", "name": "voter"}])
        store.append("criteria", [{"key": "faith", "name": "faithfulness", "kind": "scale", "low": 0, "high": 10}])
        yield store


def play(store: Store, judge: str = "J", weights: dict[str, float] | None = None) -> Match:
    contest = Contest("B", "T", judge, ALL)
    return match(store, contest, read(store, contest, weights))


def test_a_verbose_model_that_is_not_better_wins_less_at_equal_lengths(store: Store) -> None:
    draw, responses, scores = random.Random(3), [], []
    for number in range(120):
        prompt = f"p{number}"
        lengths = 20 + draw.randrange(20), 25 + draw.randrange(40)
        # The judge prefers the longer answer four times in five, and nothing else.
        longer = 1 if (lengths[1] > lengths[0]) == (draw.random() < 0.8) else 0
        for side, (generator, count) in enumerate(zip("BT", lengths, strict=True)):
            answer = f"{prompt}/{generator}"
            responses.append(
                {
                    "key": answer,
                    "prompt": prompt,
                    "generator": generator,
                    "sample": 0,
                    "attempt": 0,
                    "answer": answer,
                    "text": "word " * count,
                    "output_tokens": count,
                }
            )
            scores.append(
                {
                    "answer": answer,
                    "judge": "J",
                    "criterion": "faith",
                    "repeat": 0,
                    "attempt": 0,
                    "value": 8 if longer == side else 5,
                }
            )
    names = [f"p{number}" for number in range(120)]
    store.append("prompts", [{"key": each, "messages": "[]", "bucket": 0, "position": at} for at, each in enumerate(names)])
    store.append("active_prompts", [{"prompt": each} for each in names])
    store.append("responses", responses)
    store.append("scores", scores)
    found = play(store)
    controlled = found.length_controlled
    assert found.win_rate is not None
    assert controlled is not None
    assert found.win_rate > 0.65
    assert controlled.win_rate < found.win_rate - 0.1
    assert controlled.interval[0] < 0.5 < controlled.interval[1]
    assert controlled.effect > 0
    assert found.longer_wins == pytest.approx(0.8, abs=0.08)


def test_a_model_that_exploits_its_judge_shows_in_the_gap_to_another(store: Store) -> None:
    for number in range(30):
        prompt = f"p{number}"
        ask(store, prompt, position=number)
        before, after = respond(store, prompt, "B", f"plain {number}"), respond(store, prompt, "T", f"great! {number}")
        score(store, before, faith=4 + number % 3)
        score(store, after, faith=8 + number % 2)
        score(store, before, "O", faith=5)
        score(store, after, "O", faith=5 + number % 2)
    views = {judge: read(store, Contest("B", "T", judge, ALL)) for judge in "JO"}
    found = gap("trained", "tiny", "oracle", views["J"], views["O"])
    assert (found.prompts, found.gain, found.other_gain) == (30, pytest.approx(35), pytest.approx(5))
    assert found.gap == pytest.approx(30)
    assert found.interval is not None
    assert found.interval[0] < 30 < found.interval[1]
    assert found.flagged
    assert "may be exploiting" in notes(Evaluation(gaps=[found]))[0]
    assert not gap("trained", "oracle", "tiny", views["O"], views["J"]).flagged
    same = gap("trained", "tiny", "tiny", views["J"], views["J"])
    assert (same.gap, same.flagged) == (0, False)


def test_a_gap_counts_only_prompts_that_both_judges_scored(store: Store) -> None:
    for number in range(3):
        prompt = f"p{number}"
        ask(store, prompt, position=number)
        for generator, value in (("B", 4), ("T", 8)):
            answer = respond(store, prompt, generator, generator)
            score(store, answer, faith=value)
            score(store, answer, "O", faith="malformed" if number == 1 else value)
    views = {judge: read(store, Contest("B", "T", judge, ALL)) for judge in "JO"}
    assert gap("trained", "tiny", "oracle", views["J"], views["O"]).prompts == 2


def test_a_collapsed_model_is_less_diverse_across_and_within_prompts(store: Store) -> None:
    for number in range(12):
        prompt = f"p{number}"
        ask(store, prompt, position=number)
        for sample in range(3):
            respond(
                store,
                prompt,
                "B",
                f"Item {number} weighs {number * 7 + sample} kilos in hall {sample} of depot {number}",
                sample=sample,
            )
            respond(store, prompt, "T", "All items weigh as much as they should weigh.", sample=sample)
    base, collapsed = read_texts(store, ["B", "T"], only=ALL)
    for one, other in ((base.across, collapsed.across), (base.within, collapsed.within)):
        assert one is not None
        assert other is not None
        assert other.ead < one.ead / 2
        assert other.distinct < one.distinct / 2
        assert other.overlap == 1 > one.overlap
    assert (base.texts, collapsed.model) == (36, "trained")
    single = read_texts(store, ["B"], only=HeldOut(0.1, samples=1))[0]
    assert (single.texts, single.within) == (12, None)
    _, blocks = table(Evaluation(texts=[base, collapsed]))
    assert [block.title for block in blocks] == ["texts"]


def test_distinct_runs_are_counted_and_expected_as_published() -> None:
    found = describe("m", {"a": ["x y x y x y"], "b": ["p q r"]}).across
    assert found is not None
    sets = [
        {tuple(text[at : at + n]) for text in (list("xyxyxy"), list("pqr")) for at in range(len(text) - n + 1)} for n in RUNS
    ]
    totals = [max(0, 7 - n) + max(0, 4 - n) for n in RUNS]
    assert found.distinct == pytest.approx(sum(len(s) / t for s, t in zip(sets, totals, strict=True)) / 5)
    # Drawn from the vocabulary, one word is one, and all words together are the vocabulary.
    assert (expected(1), round(expected(10**7))) == (pytest.approx(1), 50257)
    assert found.ead == pytest.approx(sum(len(s) / expected(t) for s, t in zip(sets, totals, strict=True)) / 5)


def test_refusals_lists_and_repetition_are_reported() -> None:
    found = describe(
        "m",
        {
            "a": ["I'm sorry, but I can't help with that."],
            "b": ["- one\n- two\n3) three words here"],
            "c": ["go on and on and on and on and on"],
            "d": ["The sorry state of affairs, as an aid to memory."],
        },
        withheld=1,
    )
    assert (found.texts, found.refusals) == (4, 2 / 5)
    count = sum(
        len(words(text))
        for text in (
            "I'm sorry, but I can't help with that.",
            "- one\n- two\n3) three words here",
            "go on and on and on and on and on",
            "The sorry state of affairs, as an aid to memory.",
        )
    )
    assert found.lists == pytest.approx(100 * 3 / count)
    assert found.repetition == pytest.approx((4 / 7) / 4)
    assert repetition(["a", "b", "c"]) == 0


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I’m sorry, I can’t do that", True),
        ("I cannot comply.", True),
        ("As an AI model, I", True),
        ("Sorry, no.", True),
        ("I am unable to open files", True),
        ("I can do that", False),
        ("As an aid", False),
        ("He said sorry, then left", False),
        ("", False),
    ],
)
def test_refusals_are_known_by_how_they_open(text: str, refused: bool) -> None:
    assert is_refusal(text) is refused


@pytest.mark.parametrize(
    ("text", "flatters"),
    [
        ("What a great question! Tides", True),
        ("That’s a really interesting point.", True),
        ("Oh, you’re absolutely right, and", True),
        ("I completely agree.", True),
        ("Great questions are rare", False),
        ("A good idea of the size", True),
        ("You are on the right track", False),
        ("Certainly. The tide", False),
        ("", False),
    ],
)
def test_flattery_is_known_by_how_a_text_opens(text: str, flatters: bool) -> None:
    assert is_flattery(text) is flatters


def test_nothing_has_no_texts_to_describe() -> None:
    found = describe("m", {})
    assert (found.texts, found.words, found.refusals, found.lists, found.repetition, found.across) == (
        0,
        None,
        None,
        None,
        None,
        None,
    )


def vote(store: Store, prompt: str, first: str, second: str, preferred: str | None, **extra: Any) -> None:
    row = {
        "prompt": prompt,
        "first": f"{prompt}/{first}",
        "second": f"{prompt}/{second}",
        "judge": "H",
        "criterion": "overall",
    }
    store.append("comparisons", [row | {"preferred": preferred} | extra])


def test_a_judge_that_compares_decides_head_to_head_in_both_orders(store: Store) -> None:
    cases = {
        "p1": [("b", "t", "second"), ("t", "b", "first")],  # won in both orders
        "p2": [("b", "t", "first"), ("t", "b", "first")],  # the first one shown: a tie
        "p3": [("b", "t", "first"), ("t", "b", "second")],  # lost in both
        "p4": [("b", "t", "tie"), ("t", "b", "tie")],
        "p5": [("t", "b", "first")],  # one order only: nothing
    }
    for number, (prompt, votes) in enumerate(cases.items()):
        ask(store, prompt, position=number)
        respond(store, prompt, "B", "b")
        respond(store, prompt, "T", "t")
        for each in votes:
            vote(store, prompt, *each)
    ask(store, "p6", position=6)
    respond(store, "p6", "B", "same")
    respond(store, "p6", "T", "same")
    ask(store, "p7", position=7)
    respond(store, "p7", "B", "b")
    respond(store, "p7", "T", "t")
    vote(store, "p7", "b", "t", None, failure="malformed")
    found = play(store, "H", {})
    duel = found.head_to_head
    assert duel is not None
    assert (duel.prompts, duel.both, duel.consistent, duel.first_shown) == (5, 4, 3 / 4, 4 / 6)
    assert (duel.win_rate, duel.ties, duel.one_order) == (pytest.approx(2.5 / 5), 3 / 5, 1)
    # It gives no scores, so its comparisons decide the match.
    left_out = {"compared in one order only": 1, "not compared": 1}
    assert (found.prompts, found.win_rate, found.excluded) == (5, duel.win_rate, left_out)
    assert (found.base.score, found.gain, found.base.failures) == (None, None, {})
    assert found.base.words == 1
    assert "of 4 pairs compared in both orders, 75 % gave the same winner" in notes(Evaluation([found]))[-1]
    assert "Comparisons left out because the other order has no verdict: 1." in notes(Evaluation([found]))[-1]


def test_a_judge_with_one_order_and_failures_has_no_result(store: Store) -> None:
    ask(store, "p1")
    respond(store, "p1", "B", "b")
    respond(store, "p1", "T", "t")
    vote(store, "p1", "b", "t", "first")
    vote(store, "p1", "t", "b", None, failure="server")
    found = play(store, "H", {})
    duel = found.head_to_head
    assert duel is not None
    assert (found.prompts, found.win_rate, duel.prompts, duel.win_rate, duel.one_order) == (0, None, 0, None, 1)
    assert table(Evaluation([found]))[1][0].lines[-1].cells[1] == "–"


def test_a_repeat_in_one_order_leaves_the_other_repeats(store: Store) -> None:
    ask(store, "p1")
    respond(store, "p1", "B", "b")
    respond(store, "p1", "T", "t")
    for repeat, first, second, preferred in ((0, "b", "t", "second"), (0, "t", "b", "first"), (1, "b", "t", "first")):
        vote(store, "p1", first, second, preferred, repeat=repeat)
    duel = play(store, "H", {}).head_to_head
    assert duel is not None
    assert (duel.win_rate, duel.both, duel.consistent, duel.one_order) == (1, 1, 1, 1)


def test_a_text_counts_as_often_as_it_was_sampled(store: Store) -> None:
    ask(store, "p1")
    # Twice the same, which loses; once another, which wins; and once what the base says too.
    for sample, text in enumerate(("bad", "bad", "good", "b")):
        respond(store, "p1", "T", text, sample=sample)
    respond(store, "p1", "B", "b")
    for text, better in (("bad", False), ("good", True)):
        vote(store, "p1", "b", text, "second" if better else "first")
        vote(store, "p1", text, "b", "first" if better else "second")
    duel = play(store, "H", {}).head_to_head
    assert duel is not None
    assert (duel.win_rate, duel.both) == (pytest.approx((0 + 0 + 1 + 0.5) / 4), 2)


def test_a_comparison_counts_by_its_probability_if_it_has_one(store: Store) -> None:
    ask(store, "p1")
    respond(store, "p1", "B", "b")
    respond(store, "p1", "T", "t")
    vote(store, "p1", "b", "t", "first", probability=0.75)
    vote(store, "p1", "t", "b", "first", probability=0.75)
    duel = play(store, "H", {}).head_to_head
    assert duel is not None
    assert (duel.win_rate, duel.ties, duel.consistent) == (0.5, 1, 0)


def test_scores_decide_a_match_even_if_the_judge_also_compares(store: Store) -> None:
    ask(store, "p1")
    for generator, value in (("B", 3), ("T", 9)):
        score(store, respond(store, "p1", generator, generator.lower()), "H", faith=value)
    vote(store, "p1", "b", "t", "first")
    vote(store, "p1", "t", "b", "second")
    found = play(store, "H", {"faithfulness": 1})
    assert (found.win_rate, found.gain) == (1, pytest.approx(60))
    assert found.head_to_head is not None
    assert found.head_to_head.win_rate == 0
    models, blocks = table(Evaluation([found]))
    assert models == ["base", "trained"]
    assert {line.label: line.cells[1] for line in blocks[0].lines}["wins head to head"].startswith("0 %")


def test_a_table_has_one_column_per_model_and_dashes_for_missing_values() -> None:
    def side(name: str, value: float) -> Side:
        return Side(name, 2, {}, value, 3, 9, 4)

    rest = (2, {}, 0.5, (0.2, 0.8), 0.0, None, 0, [])
    by = [
        Match("tiny", side("base", 40), side("one", 55), *rest),
        Match("tiny", side("base", 40), side("two", 30), *rest),
        Match("oracle", side("base", 50), side("two", 60), *rest),
    ]
    models, blocks = table(Evaluation(by))
    assert models == ["base", "one", "two"]
    assert [list(block.head) for block in blocks] == [
        ["40.0", "55.0 (+15.0)", "30.0 (-10.0)"],
        ["50.0", "–", "60.0 (+10.0)"],
    ]
