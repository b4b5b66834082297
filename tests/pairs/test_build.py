"""Given rows, expected rows; and every strategy against a slow, obvious reference."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.core.errors import InputError
from rlaif.core.types import answer_key
from rlaif.pairs.weights import factors
from rlaif.store.store import Store
from tests.support.stores import GENERATOR, JUDGE, context, criteria, fill, make_pairs, outcomes, prompt

RANGES = {"help": (1.0, 5.0), "faith": (1.0, 5.0)}


def pairs_of(
    folder: Path, table: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]] = RANGES, **options: Any
) -> Any:
    """What `pairs_in` returns, for a new store in the folder."""
    with Store(folder / "store.duckdb") as store:
        return pairs_in(store, table, ranges, **options)


def pairs_in(
    store: Store,
    table: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    *,
    weights: Mapping[str, float] = {},
    floors: Mapping[str, float] = {},
    overrides: Mapping[str, float] = {},
    **options: Any,
) -> Any:
    """The pairs as (prompt, chosen text, rejected text, margin), and the outcomes of prompts and of responses."""
    keys = fill(store, table)
    texts = {key: (name, text) for name, answers in keys.items() for text, key in answers.items()}
    names = {prompt(name).key: name for name in table}
    made = make_pairs(
        context(store, store.path.parent, pair=options | {"weights": dict(overrides)}),
        JUDGE,
        [GENERATOR],
        criteria(ranges, weights, floors),
    )
    rows = store.rows("FROM pairs WHERE pairing = $pairing", pairing=made.key)
    ends = outcomes(store, made.key)
    pairs = [(texts[r["chosen"]][0], texts[r["chosen"]][1], texts[r["rejected"]][1], r["margin"]) for r in rows]
    of_prompts = {names[row["prompt"]]: row["outcome"] for row in ends if row["response"] is None}
    of_responses = defaultdict(list)
    for row in ends:
        if row["response"] is not None:
            of_responses[names[row["prompt"]]].append(row["outcome"])
    return pairs, of_prompts, {name: sorted(found) for name, found in of_responses.items()}


def answer(text: str, score: object, faith: object = None, **more: object) -> dict[str, object]:
    return {"text": text, "help": score, "faith": score if faith is None else faith, **more}


CASES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[tuple[str, str, float]], str]] = {
    "the best against the worst": ({}, [answer("a", 2), answer("b", 5), answer("c", 4)], [("b", "a", 75)], "paired"),
    "the best against the second": (
        {"strategy": "best_vs_second"},
        [answer("a", 2), answer("b", 5), answer("c", 4)],
        [("b", "c", 25)],
        "paired",
    ),
    "the second is the best of those that differ enough": (
        {"strategy": "best_vs_second", "min_margin": 30},
        [answer("a", 2), answer("b", 5), answer("c", 4)],
        [("b", "a", 75)],
        "paired",
    ),
    "all above the margin, the widest first": (
        {"strategy": "all_above_margin", "min_margin": 30, "per_prompt": 9},
        [answer("a", 2), answer("b", 5), answer("c", 4)],
        [("b", "a", 75), ("c", "a", 50)],
        "paired",
    ),
    "at most so many a prompt": (
        {"strategy": "all_above_margin", "per_prompt": 1},
        [answer("a", 2), answer("b", 5), answer("c", 4)],
        [("b", "a", 75)],
        "paired",
    ),
    "a random one of those below": (
        {"strategy": "best_vs_random"},
        [answer("a", 5), answer("b", 5), answer("c", 4)],
        [("?", "c", 25)],
        "paired",
    ),
    "a tie makes no pair": ({}, [answer("a", 3), answer("b", 3)], [], "tied"),
    "ties of different kinds weigh the same": ({}, [answer("a", 2, 4), answer("b", 4, 2)], [], "tied"),
    "a lead below the margin makes no pair": ({"min_margin": 26}, [answer("a", 3), answer("b", 4)], [], "below the margin"),
    "a lead at the margin makes one": ({"min_margin": 25}, [answer("a", 3), answer("b", 4)], [("b", "a", 25)], "paired"),
    "one answer makes no pair": ({}, [answer("a", 3)], [], "fewer than two scored answers"),
    "no answer makes no pair": ({}, [], [], "no response"),
    "a failed judgement does not count as a low score": (
        {},
        [answer("a", 3), answer("b", "malformed")],
        [],
        "fewer than two scored answers",
    ),
    "half a judgement is none": ({}, [answer("a", 3), answer("b", 5, "refused")], [], "fewer than two scored answers"),
    "an answer that was not judged is not compared": (
        {},
        [answer("a", 3), {"text": "b", "help": 5}],
        [],
        "fewer than two scored answers",
    ),
    "a cut-off answer is never chosen": ({}, [answer("a", 3), answer("b", 5, finish="length")], [], "best below a floor"),
    "a cut-off answer may be rejected": ({}, [answer("a", 3), answer("b", 2, finish="length")], [("a", "b", 25)], "paired"),
    "the same text twice is one candidate": ({}, [answer("a", 3), answer("a", 3)], [], "fewer than two scored answers"),
}


@pytest.mark.fault("H14", "H15", "J8", "J9")
@pytest.mark.parametrize("name", CASES)
def test_pairs_by_case(name: str, tmp_path: Path) -> None:
    options, responses, expected, outcome = CASES[name]
    pairs, of_prompts, _ = pairs_of(tmp_path, {"p": responses}, **options)
    if expected and expected[0][0] == "?":
        pairs = [(p, "?", rejected, margin) for p, _, rejected, margin in pairs]
    assert pairs == [("p", chosen, rejected, Decimal(margin)) for chosen, rejected, margin in expected]
    assert of_prompts == {"p": outcome}


def test_a_floor_vetoes_the_chosen_side_alone(tmp_path: Path) -> None:
    table = {"p": [answer("bold lie", 5, 1), answer("plain", 3, 2), answer("poor", 1, 1)]}
    pairs, _, outcomes = pairs_of(tmp_path, table, floors={"faith": 2})
    assert [(chosen, rejected) for _, chosen, rejected, _ in pairs] == [("plain", "poor")]
    assert outcomes == {"p": ["chosen", "not selected by the strategy", "rejected"]}


def test_weights_decide_and_zero_leaves_a_criterion_out(tmp_path: Path) -> None:
    table = {"p": [answer("a", 5, 1), answer("b", 1, 5)], "q": [answer("a", 5, "malformed"), answer("b", 1, 5)]}
    pairs, of_prompts, _ = pairs_of(tmp_path, table, weights={"faith": 0.0})
    assert [(p, chosen) for p, chosen, _, _ in pairs] == [("p", "a"), ("q", "a")]
    assert of_prompts == {"p": "paired", "q": "paired"}


@pytest.mark.fault("H14", "H16", "J8")
def test_every_response_has_one_outcome_with_its_reason(tmp_path: Path) -> None:
    responses = [
        answer("best", 5),
        answer("middle", 4),
        answer("worst", 1),
        answer("worst", 1),
        answer("odd", "malformed"),
        {"text": "unjudged"},
        {"text": "", "failure": "timeout"},
    ]
    _, _, outcomes = pairs_of(tmp_path, {"p": responses})
    assert outcomes["p"] == sorted(
        [
            "chosen",
            "not selected by the strategy",
            "rejected",
            "same text as another",
            "not scored: malformed",
            "not judged",
            "not generated: timeout",
        ]
    )


def test_margins_are_exact_beyond_the_precision_of_doubles(tmp_path: Path) -> None:
    # On a scale of 1 to 10, a lead of one point is 11.1…; sums of weighted doubles put some of these below it.
    table = {f"p{low}": [answer("a", low), answer("b", low + 1)] for low in range(1, 10)}
    ranges = {"help": (1.0, 10.0), "faith": (1.0, 10.0)}
    pairs, _, _ = pairs_of(tmp_path, table, ranges, weights={"help": 0.1, "faith": 0.2}, min_margin=11.11)
    assert len(pairs) == 9
    assert {margin for *_, margin in pairs} == {Decimal("11.111111")}


def test_the_same_scores_give_the_same_pairs_and_another_seed_other_ties(tmp_path: Path) -> None:
    table = {f"p{i}": [answer("a", 5), answer("b", 5), answer("c", 1), answer("d", 1)] for i in range(40)}
    runs = []
    for number, seed in enumerate([0, 0, 1]):
        (tmp_path / str(number)).mkdir()
        runs.append(pairs_of(tmp_path / str(number), table, seed=seed)[0])
    assert runs[0] == runs[1] != runs[2]
    assert {chosen for _, chosen, _, _ in runs[0]} == {"a", "b"}


def test_an_unknown_strategy_or_criterion_is_reported_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'best_vs_worst'"):
        pairs_of(tmp_path, {"p": [answer("a", 1)]}, strategy="best_vs_wurst")
    (tmp_path / "again").mkdir()
    with pytest.raises(InputError, match="Did you mean 'faith'"):
        pairs_of(tmp_path / "again", {"p": [answer("a", 1)]}, overrides={"fath": 2})


Table = dict[str, list[dict[str, Any]]]
values = st.none() | st.sampled_from(["malformed", "timeout"]) | st.integers(1, 5)
responses = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from("abcdefg"),
            "help": values,
            "faith": st.integers(1, 5),
            "finish": st.sampled_from(["stop", "stop", "length"]),
        }
    ),
    max_size=6,
    unique_by=lambda response: response["text"],
)
tables = st.dictionaries(st.sampled_from(["p", "q", "r", "s"]), responses, min_size=1)
WEIGHTS = {"help": 2.0, "faith": 0.3}


def reference(
    table: Table, strategy: str, min_margin: float, floor: float, per_prompt: int
) -> set[tuple[str, Fraction, Fraction]]:
    """All (prompt, points of the chosen, points of the rejected) that the strategy may make, by loops and fractions."""
    shares, denominator = factors(WEIGHTS, RANGES)
    made = set()
    for name, answers in table.items():
        scored = []
        for response in answers:
            if all(isinstance(response[criterion], int) for criterion in WEIGHTS):
                points = sum(Fraction(shares[c] * (response[c] - 1), denominator) for c in WEIGHTS)
                scored.append((points, response["finish"] != "stop" or response["faith"] < floor))
        open_ = [points for points, vetoed in scored if not vetoed]
        if not open_:
            continue
        best = max(open_)
        threshold = Fraction(str(min_margin)) / 100
        enough = [(c, r) for c in open_ for r, _ in scored if c > r and c - r >= threshold]
        if strategy == "best_vs_worst":
            enough = [(c, r) for c, r in enough if c == best and r == min(points for points, _ in scored)]
        elif strategy == "best_vs_second":
            lower = [r for c, r in enough if c == best]
            enough = [(best, max(lower))] if lower else []
        elif strategy == "best_vs_random":
            enough = [(c, r) for c, r in enough if c == best]
        made |= {(name, c, r) for c, r in enough}
    return made


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("empty") / "store.duckdb") as store:
        yield store


@settings(max_examples=60, deadline=None)
@given(
    tables,
    st.sampled_from(["best_vs_worst", "best_vs_second", "best_vs_random", "all_above_margin"]),
    st.sampled_from([0, 10, 25, 43.5]),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 50]),
)
def test_every_strategy_agrees_with_a_slow_and_obvious_one(
    empty: Store, table: Table, strategy: str, min_margin: float, floor: float, per_prompt: int
) -> None:
    # A store takes longer to make than the pairs of an example, so that all examples share one and leave nothing in it.
    with empty.scratch():
        pairs, of_prompts, of_responses = pairs_in(
            empty,
            table,
            weights=WEIGHTS,
            floors={"faith": floor},
            strategy=strategy,
            min_margin=min_margin,
            per_prompt=per_prompt,
        )
    shares, denominator = factors(WEIGHTS, RANGES)
    points = {
        (name, given["text"]): sum(Fraction(shares[c] * (given[c] - 1), denominator) for c in WEIGHTS)
        for name, answers in table.items()
        for given in answers
        if isinstance(given["help"], int)
    }
    made = [(name, points[name, chosen], points[name, rejected]) for name, chosen, rejected, _ in pairs]
    expected = reference(table, strategy, min_margin, floor, per_prompt)
    assert set(made) <= expected
    assert {name for name, _, _ in made} == {name for name, _, _ in expected}
    if strategy == "all_above_margin" and per_prompt == 50:
        assert set(made) == expected
    for (_, _, _, margin), (_, better, worse) in zip(pairs, made, strict=True):
        assert abs(Fraction(margin) / 100 - (better - worse)) < Fraction(1, 10**7)
    assert set(of_prompts) == set(table)
    assert {name: len(found) for name, found in of_responses.items()} == {n: len(a) for n, a in table.items() if a}


def votes(store: Store, asked: str, labeling_tasks: Sequence[tuple[str, str, str]]) -> None:
    key = prompt(asked).key
    store.append(
        "comparisons",
        [
            {
                "prompt": key,
                "first": answer_key(key, first),
                "second": answer_key(key, second),
                "judge": JUDGE,
                "criterion": "overall",
                "preferred": preferred,
            }
            for first, second, preferred in labeling_tasks
        ],
    )


def test_votes_become_the_pairs_that_were_voted(tmp_path: Path) -> None:
    table = {name: [{"text": text} for text in "abc"] for name in ("p", "q")}
    with Store(tmp_path / "store.duckdb") as store:
        keys = fill(store, table)
        votes(store, "p", [("a", "b", "first"), ("b", "c", "second"), ("a", "c", "tie"), ("b", "a", "tie")])
        votes(store, "q", [("a", "b", "first"), ("b", "a", "first"), ("a", "c", "tie")])
        made = make_pairs(context(store, tmp_path, pair={"strategy": "votes", "per_prompt": 9}), JUDGE, [GENERATOR])
        rows = store.rows("SELECT chosen, rejected FROM pairs")
    texts = {key: text for text, key in keys["p"].items()}
    assert {(texts[row["chosen"]], texts[row["rejected"]]) for row in rows} == {("a", "b"), ("c", "b")}
    assert made.outcomes == {"paired": 1, "tied": 1}
