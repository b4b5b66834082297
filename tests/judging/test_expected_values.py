"""An expected value is held against no plain one: given scores of which some came with one, what each reader makes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rlaif.context.run import HeldOut
from rlaif.core.types import answer_key, key
from rlaif.evaluation import Contest, agreement, match, read
from rlaif.evaluation.audit import Audited, measure
from rlaif.store.store import Store
from tests.support.stores import GENERATOR, JUDGE, fill, prompt

HELP = key("criterion", "help")
TEXTS = [(name, text) for name in "pq" for text in "ab"]
ANSWERS = {(name, text): answer_key(prompt(name).key, text) for name, text in TEXTS}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Every answer has a plain 4; three of the four, an expected value: both to q, and one to p. Each is another writer's."""
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {name: [{"text": text, "help": 4} for text in "ab"] for name in "pq"})
        store.run("UPDATE scores SET expected = 4.4, spread = 0.5")
        store.run(f"UPDATE scores SET expected = 4.2 WHERE answer = '{ANSWERS['q', 'b']}'")
        store.run(f"UPDATE scores SET expected = NULL, spread = NULL WHERE answer = '{ANSWERS['p', 'b']}'")
        store.run("UPDATE responses SET generator = text")
        store.run("UPDATE prompts SET bucket = 0")
        store.append("criteria", [{"key": HELP, "name": "help", "kind": "scale", "low": 1, "high": 5}])
        yield store


def test_scores_are_plain_if_only_some_answers_to_a_prompt_have_expected_values(store: Store) -> None:
    found = store.rows("SELECT answer, score::DOUBLE AS score, spread::DOUBLE AS spread FROM latest_scores")
    told = {row["answer"]: (row["score"], row["spread"]) for row in found}
    assert [told[ANSWERS[each]] for each in TEXTS] == [(4, None), (4, None), (4.4, 0.5), (4.2, 0.5)]


def test_a_failed_score_leaves_the_expected_values_of_other_responses(store: Store) -> None:
    store.run(f"UPDATE scores SET value = NULL, failure = 'malformed' WHERE answer = '{ANSWERS['p', 'b']}'")
    found = store.rows("SELECT score::DOUBLE AS score FROM latest_scores WHERE answer = $answer", answer=ANSWERS["p", "a"])
    assert [row["score"] for row in found] == [4.4]


def test_a_repeat_without_an_expected_value_makes_its_prompt_use_plain_scores(store: Store) -> None:
    store.append(
        "scores", [{"answer": ANSWERS["q", "a"], "judge": JUDGE, "criterion": HELP, "repeat": 1, "attempt": 0, "value": 3}]
    )
    found = store.rows("SELECT answer, score::DOUBLE AS score FROM latest_scores")
    told = {row["answer"]: row["score"] for row in found}
    assert [told[ANSWERS[each]] for each in TEXTS] == [4, 4, 3.5, 4]


def test_an_attacked_answer_is_compared_with_the_original_by_plain_scores(store: Store) -> None:
    attacked = {"judge": JUDGE, "attack": "padding", "prompt": prompt("q").key, "original": ANSWERS["q", "a"], "answer": "x"}
    store.append("attacks", [attacked | {"text": "a a"}])
    store.append("scores", [{"answer": "x", "judge": JUDGE, "criterion": HELP, "repeat": 0, "attempt": 0, "value": 4}])
    found = store.rows("SELECT DISTINCT score::DOUBLE AS score FROM latest_scores")
    assert [row["score"] for row in found] == [4]


def test_an_evaluation_treats_scores_with_one_expected_value_as_equal(store: Store) -> None:
    contest = Contest("a", "b", JUDGE, HeldOut(0.1, limit=1))
    found = match(store, contest, read(store, contest))
    assert (found.prompts, found.win_rate, found.ties, found.gain) == (1, 0.5, 1, 0)


def test_two_judges_agree_on_what_both_call_a_tie(store: Store) -> None:
    store.append(
        "scores",
        [
            {"answer": answer, "judge": "other", "criterion": HELP, "repeat": 0, "attempt": 0, "value": 2}
            for answer in ANSWERS.values()
        ],
    )
    found = agreement(store, JUDGE, "other")
    assert (found.pairs, found.tied, found.criteria[0].first_percent) == (2, 2, pytest.approx(100 * 3.15 / 4))


def test_a_cascade_does_not_decide_by_an_expected_value_of_one_side(store: Store) -> None:
    weighed = [{"criterion": HELP, "factor": 1, "low": 1, "floor": None}]
    store.execute(
        "pipeline/sql/judge/escalate",
        judge="next",
        earlier=JUDGE,
        before_that=None,
        generators=["a", "b"],
        margin=1,
        second=False,
        denominator=4,
        criteria=weighed,
    )
    left = store.rows("SELECT prompt, lead::DOUBLE AS lead FROM cascade_escalations")
    assert left == [{"prompt": prompt("p").key, "lead": 0}]


def test_equal_rewards_within_a_prompt_are_reported(store: Store) -> None:
    store.run("DELETE FROM responses")
    rows = store.query(
        "pipeline/sql/judge/known_scores",
        judge=JUDGE,
        answers=list(ANSWERS.values()),
        prompts=[prompt(name).key for name, _ in TEXTS],
    )
    told = {row["answer"]: row["score"] for row in rows}
    assert [told[ANSWERS[each]] for each in TEXTS] == [4, 4, 4.4, 4.2]


def test_an_audit_counts_scores_with_one_expected_value_as_ties(store: Store) -> None:
    store.run("INSERT INTO scores BY NAME SELECT * REPLACE (1::UINTEGER AS repeat) FROM scores")
    found = measure(store, [Audited("mine", JUDGE, {"help": (HELP, 1.0)})], None, ["a", "b", GENERATOR])
    ties = {each.of: each.estimate.value for each in found.judges[0].found if each.measure == "top_tie"}
    assert ties == {"repeat 1": 0.5, "repeat 2": 0.5, "mean of all": 0.5}
