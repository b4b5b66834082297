import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from rich.console import Console
from scipy.stats import spearmanr

from rlaif.context.run import HeldOut
from rlaif.evaluation import Contest, Evaluation, Match, agreement, match, read, render, render_agreement
from rlaif.store.store import Store
from tests.support.evaluation_rows import ask, respond, score

NUMBERS = st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=30)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store.duckdb") as store:
        store.append("generators", [{"key": "B", "name": "writer"}, {"key": "T", "name": "writer, trained"}])
        store.append("judges", [{"key": "J", "name": "tiny"}, {"key": "O", "name": "oracle"}, {"key": "H", "name": "human"}])
        store.append(
            "criteria",
            [
                {"key": "help", "name": "helpfulness", "kind": "scale", "low": 1, "high": 5},
                {"key": "faith", "name": "faithfulness", "kind": "scale", "low": 0, "high": 10},
            ],
        )
        yield store


def compared(store: Store, prompt: str, base: float, trained: float, *, words: tuple[int, int] = (2, 3)) -> None:
    """A prompt with one response a side, of so many words, and the faithfulness of each."""
    ask(store, prompt, position=int(prompt[1:]))
    for generator, value, count in (("B", base, words[0]), ("T", trained, words[1])):
        score(store, respond(store, prompt, generator, " ".join([generator] * count)), faith=value)


def judged(
    store: Store,
    judge: str = "J",
    *,
    limit: int | None = None,
    samples: int | None = None,
    weights: dict[str, float] | None = None,
) -> Match:
    """The trained side against the base, on the held-out tenth."""
    contest = Contest("B", "T", judge, HeldOut(0.1, limit, samples))
    return match(store, contest, read(store, contest, weights))


def test_means_wins_and_lengths_of_a_small_case(store: Store) -> None:
    compared(store, "p1", 4, 8)
    compared(store, "p2", 4, 6)
    compared(store, "p3", 5, 5)
    compared(store, "p4", 7, 3)
    result = judged(store)
    assert (result.judge, result.base.name, result.trained.name) == ("tiny", "writer", "writer, trained")
    assert (result.prompts, result.excluded) == (4, {})
    assert (result.base.score, result.trained.score) == (pytest.approx(50), pytest.approx(55))
    assert (result.win_rate, result.ties) == (0.625, 0.25)
    assert (result.longer_wins, result.longer_prompts) == (pytest.approx(2 / 3), 3)
    assert (result.base.words, result.trained.words) == (2, 3)
    assert (result.base.characters, result.trained.tokens) == (3, 5)
    (faithfulness,) = result.criteria
    assert (faithfulness.name, faithfulness.base, faithfulness.trained_percent) == ("faithfulness", 5.0, pytest.approx(55))
    assert result.interval is not None
    assert result.interval[0] < 0.625 < result.interval[1]


def test_weights_count_in_hundredths_of_each_criterions_range(store: Store) -> None:
    ask(store, "p1")
    score(store, respond(store, "p1", "B", "b"), help=1, faith=10)
    score(store, respond(store, "p1", "T", "t"), help=5, faith=5)
    result = judged(store, weights={"helpfulness": 3, "faithfulness": 1})
    assert (result.base.score, result.trained.score) == (25, 87.5)
    assert [each.win_rate for each in result.criteria] == [1, 0]
    only = judged(store, weights={"faithfulness": 1})
    assert (only.base.score, only.trained.score, len(only.criteria)) == (100, 50, 1)


def test_samples_and_repeats_are_averaged_and_the_expected_value_counts(store: Store) -> None:
    ask(store, "p1")
    first = respond(store, "p1", "B", "one")
    score(store, first, faith=2)
    score(store, first, faith=4, repeat=1)
    score(store, respond(store, "p1", "B", "two", sample=1), faith=9)
    score(store, respond(store, "p1", "T", "three"), faith=8)
    result = judged(store)
    assert (result.base.score, result.trained.score) == (60, 80)
    store.run("UPDATE scores SET expected = value - 0.5")
    result = judged(store)
    assert (result.base.score, result.trained.score) == (55, 75)
    assert judged(store, samples=1).base.score == 25


def test_missing_scores_are_counted_and_never_a_number(store: Store) -> None:
    compared(store, "p1", 4, 8)
    ask(store, "p2", position=2)
    score(store, respond(store, "p2", "B", "b"), faith="malformed")
    score(store, respond(store, "p2", "T", "t"), faith=9)
    ask(store, "p3", position=3)
    respond(store, "p3", "B", None)
    respond(store, "p3", "T", "never judged")
    ask(store, "p4", position=4)
    score(store, respond(store, "p4", "B", "b"), faith=9)
    ask(store, "p5", position=5, bucket=5000)
    score(store, respond(store, "p5", "B", "of the train split"), faith=0)
    result = judged(store)
    assert (result.prompts, result.base.score) == (1, 40)
    assert result.excluded == {"no score for base": 1, "no score for base and trained": 1, "no score for trained": 1}
    assert (result.base.responses, result.base.failures) == (4, {"malformed": 1, "timeout": 1})
    assert (result.trained.responses, result.trained.failures) == (3, {"not judged": 1, "not sampled": 1})


def test_responses_without_a_weighted_score_are_not_compared(store: Store) -> None:
    compared(store, "p1", 4, 8)
    result = judged(store, weights={"faithfulness": 1, "helpfulness": 1})
    assert (result.prompts, result.win_rate, result.interval, result.longer_wins) == (0, None, None, None)
    assert result.base.failures == {"not judged": 1}
    assert judged(store, "H").excluded == {"no score for base and trained": 1}


def test_a_criterion_without_weight_is_shown_but_needs_no_score(store: Store) -> None:
    ask(store, "p1")
    score(store, respond(store, "p1", "B", "b"), help=2, faith="inapplicable")
    score(store, respond(store, "p1", "T", "t"), help=4, faith=9)
    result = judged(store, weights={"helpfulness": 1, "faithfulness": 0})
    assert (result.prompts, result.base.score) == (1, 25)
    assert {each.name: each.base for each in result.criteria} == {"helpfulness": 2, "faithfulness": None}


def test_the_limit_takes_the_first_prompts(store: Store) -> None:
    for number in range(5):
        compared(store, f"p{number}", 4, 5 + number)
    assert judged(store, limit=2).trained.score == 55


def test_scores_under_an_older_wording_of_a_criterion_do_not_count(store: Store) -> None:
    compared(store, "p1", 4, 8)
    store.append("criteria", [{"key": "faith2", "name": "faithfulness", "kind": "scale", "low": 0, "high": 10}])
    score(store, "p1/B B", faith2=6)
    score(store, "p1/T T T", faith2=6)
    result = judged(store)
    assert (result.win_rate, result.base.score, len(result.criteria)) == (0.5, 60, 1)


def test_an_evaluation_can_be_written_as_json_and_shown(store: Store) -> None:
    compared(store, "p1", 4, 8)
    ask(store, "p2", position=2)
    result = judged(store)
    assert json.loads(json.dumps(asdict(result)))["win_rate"] == 1.0
    text = shown(render, Evaluation([result]))
    for part in ("writer, trained", "judged by tiny", "faithfulness", "+40.0", "100 %", "1 not sampled"):
        assert part in text


def shown(show: Any, result: Any) -> str:
    console = Console(file=io.StringIO(), width=120)
    show(result, console)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_two_judges_agree_by_rank_by_value_and_by_order(store: Store) -> None:
    ask(store, "p1")
    values = {"a": (2, 1), "b": (4, 5), "c": (6, 7), "d": (6, 9)}
    for sample, (text, (tiny, oracle)) in enumerate(values.items()):
        answer = respond(store, "p1", "B", text, sample=sample)
        score(store, answer, faith=tiny)
        score(store, answer, "O", faith=oracle, help=3)
    result = agreement(store, "J", "O")
    (faithfulness,) = result.criteria
    assert faithfulness.answers == 4
    assert faithfulness.spearman == pytest.approx(spearmanr([2, 4, 6, 6], [1, 5, 7, 9]).statistic)
    assert (faithfulness.exact, faithfulness.first_percent, faithfulness.second_percent) == (0, 45, 55)
    assert (result.first, result.second) == ("tiny", "oracle")
    assert "faithfulness" in shown(render_agreement, result)


def test_flips_are_counted_by_pair_and_by_prompt(store: Store) -> None:
    for number, scores in enumerate([((1, 2, 3), (3, 2, 1)), ((1, 2, 3), (1, 1, 3)), ((1, 1), (2, 2))]):
        ask(store, f"p{number}", position=number)
        for sample, (tiny, oracle) in enumerate(zip(*scores, strict=True)):
            answer = respond(store, f"p{number}", "B", f"text {sample}", sample=sample)
            score(store, answer, faith=tiny)
            score(store, answer, "O", faith=oracle)
    result = agreement(store, "J", "O")
    assert (result.pairs, result.same, result.opposite, result.tied) == (7, 2, 3, 2)
    assert (result.prompts, result.flipped) == (3, 1)


def test_a_judge_that_compares_agrees_with_one_that_scores(store: Store) -> None:
    ask(store, "p1")
    for sample, value in enumerate((2, 8)):
        score(store, respond(store, "p1", "B", "xy"[sample], sample=sample), faith=value)
    pair = {"prompt": "p1", "judge": "H", "criterion": "overall"}
    store.append("comparisons", [pair | {"first": "p1/y", "second": "p1/x", "preferred": "first"}])
    result = agreement(store, "J", "H")
    assert (result.criteria, result.pairs, result.same, result.flipped) == ([], 1, 1, 0)
    assert "No response has scores by both judges" in shown(render_agreement, result)
    store.append("comparisons", [pair | {"first": "p1/x", "second": "p1/y", "failure": "malformed"}])
    assert agreement(store, "J", "H").same == 1
    store.append("comparisons", [pair | {"first": "p1/x", "second": "p1/y", "preferred": "first"}])
    assert agreement(store, "J", "H").tied == 1
    store.run("UPDATE comparisons SET verdict = 'v' WHERE preferred IS NOT NULL")
    assert agreement(store, "J", "H").tied == 1
    store.run("DELETE FROM comparisons WHERE first = 'p1/x' AND preferred IS NOT NULL")
    assert agreement(store, "J", "H").pairs == 0
    store.run("UPDATE comparisons SET verdict = NULL")
    # One that scores and compares orders by its scores.
    store.append("comparisons", [pair | {"judge": "J", "first": "p1/x", "second": "p1/y", "preferred": "first"}])
    assert agreement(store, "J", "H").pairs == 1
