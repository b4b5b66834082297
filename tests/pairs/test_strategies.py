"""Every strategy against a slow, obvious reference: random scores with ties, failures, floors, cut-off texts, two writers."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.core.errors import InputError
from rlaif.pairs.strategy import STRATEGIES
from rlaif.store.store import Store
from tests.support.stores import GENERATOR, JUDGE, append_criteria, context, criteria, fill, make_pairs, outcomes, prompt

RANGES = {"help": (1.0, 5.0), "faith": (1.0, 5.0), "exact": (0.0, 1.0)}
WEIGHTS = {"help": 2.0, "faith": 0.3, "exact": 1.0}
OTHER = "other"

Answer = Any  # prompt, response, points, vetoed, coin, length, generator, scores
Pairs = set[tuple[str, str]]


def best(answers: list[Answer]) -> Answer | None:
    return max((a for a in answers if not a.vetoed), key=lambda a: (a.points, a.coin), default=None)


def worst(answers: list[Answer]) -> Answer:
    return min(answers, key=lambda a: (a.points, a.coin))


def leads(c: Answer | None, r: Answer | None, ask: Any) -> bool:
    return c is not None and r is not None and c.points > r.points and c.points - r.points >= ask.threshold


def names(pairs: list[tuple[Answer, Answer]], ask: Any) -> Pairs:
    return {(c.response, r.response) for c, r in pairs if leads(c, r, ask)}


def widest(answers: list[Answer], ask: Any, fits: Callable[[Answer, Answer], bool]) -> Pairs:
    found = [(c, r) for c in answers if not c.vetoed for r in answers if leads(c, r, ask) and fits(c, r)]
    found.sort(key=lambda pair: (pair[1].points - pair[0].points, pair[0].coin, pair[1].coin))
    return names(found[: ask.per_prompt], ask)


def lower(answers: list[Answer], ask: Any) -> tuple[Answer | None, list[Answer]]:
    top = best(answers)
    return top, [a for a in answers if leads(top, a, ask)]


def best_vs_worst(answers: list[Answer], ask: Any) -> Pairs:
    return names([(best(answers), worst(answers))], ask)


def best_vs_second(answers: list[Answer], ask: Any) -> Pairs:
    top, under = lower(answers, ask)
    return names([(top, max(under, key=lambda a: (a.points, a.coin)))], ask) if under else set()


def best_vs_random(answers: list[Answer], ask: Any) -> Pairs:
    top, under = lower(answers, ask)
    return names([(top, min(under, key=lambda a: a.coin))], ask) if under else set()


def best_vs_two_sigma(answers: list[Answer], ask: Any) -> Pairs:
    top, under = lower(answers, ask)
    if not under:
        return set()
    points = sorted(float(a.points) for a in answers)
    mean = sum(points) / len(points)
    aim = mean - ask.sigmas * sqrt(sum((p - mean) ** 2 for p in points) / len(points))
    return names([(top, min(under, key=lambda a: (abs(float(a.points) - aim), a.coin)))], ask)


def max_vs_min_of(answers: list[Answer], ask: Any) -> Pairs:
    top = best(answers)
    others = sorted((a for a in answers if a is not top), key=lambda a: a.coin)[: ask.of]
    return names([(top, worst(others))], ask) if others else set()


def all_above_margin(answers: list[Answer], ask: Any) -> Pairs:
    return widest(answers, ask, lambda c, r: True)


def matched_length(answers: list[Answer], ask: Any) -> Pairs:
    def alike(c: Answer, r: Answer) -> bool:
        # No server has counted tokens, so they are a quarter of the characters.
        tokens = abs(c.length // 4 - r.length // 4)
        return abs(c.length - r.length) <= ask.apart * max(c.length, r.length) and tokens <= ask.tokens

    return widest(answers, ask, alike)


def pareto(answers: list[Answer], ask: Any) -> Pairs:
    return widest(answers, ask, lambda c, r: all(c.scores[name] >= r.scores[name] for name in c.scores))


def one_criterion(answers: list[Answer], ask: Any) -> Pairs:
    groups = defaultdict(list)
    for a in answers:
        groups[tuple(sorted((n, v) for n, v in a.scores.items() if n != ask.criterion))].append(a)
    found = [(best(group), worst(group)) for group in groups.values()]
    found = [(c, r) for c, r in found if leads(c, r, ask)]
    found.sort(key=lambda pair: (pair[1].points - pair[0].points, pair[1].coin))
    return names(found[: ask.per_prompt], ask)


def own_vs_other(answers: list[Answer], ask: Any) -> Pairs:
    own = [a for a in answers if ask.generator in a.generators]
    others = [a for a in answers if a.generators - {ask.generator}]
    found = [(best(one), worst(two)) for one, two in ((own, others), (others, own)) if one and two]
    found = [(c, r) for c, r in found if leads(c, r, ask)]
    return names(sorted(found, key=lambda pair: (pair[1].points - pair[0].points, pair[1].coin))[:1], ask)


def stronger_vs_weaker(answers: list[Answer], ask: Any) -> Pairs:
    apart = sorted((a for a in answers if len(a.generators) == 1), key=lambda a: a.coin)
    strong = [a for a in apart if a.generators == {ask.strong} and not a.vetoed]
    weak = [a for a in apart if a.generators == {ask.weak}]
    return {(c.response, r.response) for c, r in zip(strong[: ask.per_prompt], weak, strict=False)}


def checks_alone(answers: list[Answer], ask: Any) -> Pairs:
    first = sorted(answers, key=lambda a: a.coin)
    passing = [a for a in first if a.scores["exact"] == 1 and not a.vetoed]
    failing = [a for a in first if a.scores["exact"] < 1 and (1 - a.scores["exact"]) * ask.check_points >= ask.threshold]
    return {(passing[0].response, failing[0].response)} if passing and failing else set()


BY_PROMPT: dict[str, Callable[[list[Answer], Any], Pairs]] = {
    each.__name__: each
    for each in (
        best_vs_worst,
        best_vs_second,
        best_vs_random,
        best_vs_two_sigma,
        max_vs_min_of,
        all_above_margin,
        matched_length,
        pareto,
        one_criterion,
        own_vs_other,
        checks_alone,
        stronger_vs_weaker,
    )
}


def length_penalised(prompts: list[list[Answer]], ask: Any) -> Pairs:
    """Of all prompts at once: the penalty is fitted to them together."""
    answers = [a for each in prompts for a in each]
    if not answers:
        return set()
    points = [a.points for a in answers]
    top = float(max(points) - min(points)) / max(sum(a.length for a in answers) / len(answers), 1)
    grid = [Decimal(top * step * step / 4096).quantize(Decimal("1e-12")) for step in range(65)]

    def pairs(penalty: Decimal) -> list[tuple[Answer, Answer]]:
        def order(a: Answer) -> Any:
            return (a.points - penalty * a.length, a.coin)

        ends = [(max((a for a in each if not a.vetoed), key=order, default=None), min(each, key=order)) for each in prompts]
        return [(c, r) for c, r in ends if leads(c, r, ask)]

    def miss(penalty: Decimal) -> float:
        found = pairs(penalty)
        longer = sum(2 if c.length > r.length else 1 if c.length == r.length else 0 for c, r in found)
        return abs(longer / len(found) / 2 - ask.longer) if found else 9.0

    return names(pairs(min(grid, key=lambda penalty: (round(miss(penalty), 12), penalty))), ask)


SHOWN = """SELECT one.text AS chosen, other.text AS rejected FROM pairs
JOIN responses AS one ON one.key = chosen JOIN responses AS other ON other.key = rejected WHERE pairing = $pairing"""
OPTIONS: dict[str, dict[str, Any]] = {
    "best_vs_two_sigma": {"sigmas": 1},
    "max_vs_min_of": {"of": 2},
    "matched_length": {"apart": 0.25, "tokens": 0},
    "one_criterion": {"criterion": "help"},
    "own_vs_other": {"generator": "writer"},
    "length_penalised": {"longer": 0.4},
    "stronger_vs_weaker": {"strong": "writer", "weak": "peer"},
}
values = st.none() | st.sampled_from(["malformed"]) | st.integers(1, 5)
answers = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from(["a", "bb", "ccc", "dddd", "eeeeeee", "fffffffff", "ggggggggggggg"]),
            "help": st.integers(1, 5),
            "faith": st.integers(1, 3) | values,
            "exact": st.integers(0, 1),
            "finish": st.sampled_from(["stop", "stop", "stop", "length", "refused"]),
        }
    ),
    max_size=7,
)
tables = st.dictionaries(st.sampled_from(["p", "q", "r", "s", "t"]), answers, min_size=1)


# Three a table, for the sake of time.
some = st.sets(st.sampled_from(sorted({*BY_PROMPT, "length_penalised"})), min_size=3, max_size=3)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(tables, some, st.sampled_from([0, 12.5, 30]), st.sampled_from([1, 2, 9]), st.sampled_from([1, 2]), st.integers(0, 3))
def test_every_strategy_makes_the_pairs_of_a_slow_and_obvious_one(
    table: dict[str, Any], strategies: set[str], min_margin: float, per_prompt: int, floor: float, seed: int
) -> None:
    assert set(STRATEGIES) == {*BY_PROMPT, "length_penalised", "votes"}
    with TemporaryDirectory() as folder, Store(Path(folder) / "store.duckdb") as store:
        fill(store, table)
        store.run("UPDATE responses SET generator = $other WHERE sample % 2 = 1", other=OTHER)
        store.append("generators", [{"key": GENERATOR, "name": "writer"}, {"key": OTHER, "name": "peer"}])
        append_criteria(store, RANGES)
        for name in sorted(strategies):
            options, judged = OPTIONS.get(name, {}), name != "stronger_vs_weaker"
            section = {"strategy": name, "options": options, "per_prompt": per_prompt, "seed": seed}
            section |= {"min_margin": min_margin} if judged else {}
            made = make_pairs(
                context(store, Path(folder), pair=section),
                JUDGE if judged else [],
                [GENERATOR, OTHER],
                criteria(RANGES, WEIGHTS, {"faith": floor}),
            )
            rows = store.rows("FROM pairs WHERE pairing = $pairing", pairing=made.key)
            numbers = {row["key"]: row["rowid"] for row in store.rows("SELECT key, rowid FROM responses")}
            found = {(numbers[row["chosen"]], numbers[row["rejected"]]) for row in rows}
            assert len(found) == len(rows) == made.pairs
            prompts, denominator = _answers(store)
            ask = SimpleNamespace(
                threshold=Decimal(str(min_margin)) * denominator / 100,
                per_prompt=per_prompt,
                check_points=denominator * Decimal("1.0") / Decimal("3.3"),
                **options,
            )
            if name == "length_penalised":
                expected = length_penalised(prompts, ask)
            else:
                expected = {each for one in prompts for each in BY_PROMPT[name](one, ask)}
            assert found == expected, name
            ends = outcomes(store, made.key)
            assert len(ends) == len(table) + sum(map(len, table.values()))
            assert sum(made.outcomes.values()) == len(table)


def _answers(store: Store) -> tuple[list[list[Answer]], Decimal]:
    """The candidates by prompt with all that a strategy may ask, and the points of a full score."""
    scores: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for row in store.rows("FROM marks"):
        scores[row["response"]][row["criterion"]] = row["score"]
    generators: dict[str, set[str]] = defaultdict(set)
    for row in store.rows("SELECT answer, name FROM responses JOIN generators ON generators.key = generator"):
        generators[row["answer"]].add(row["name"])
    prompts = defaultdict(list)
    for row in store.rows(
        "FROM candidates JOIN (SELECT response, length, answer FROM texts) USING (response) ORDER BY response"
    ):
        more = {"scores": scores[row["response"]], "generators": generators[row["answer"]]}
        prompts[row["prompt"]].append(SimpleNamespace(**row | more))
    full = store.rows("SELECT sum(factor * (high - low)) AS n FROM weighed")[0]["n"]
    return list(prompts.values()), Decimal(round(full or 0))


def test_a_text_of_two_generators_belongs_to_both(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"p": [{"text": "x", "help": 4}, {"text": "x", "help": 4}, {"text": "v", "help": 2}]})
        store.run("UPDATE responses SET generator = $other WHERE sample > 0", other=OTHER)
        store.append("generators", [{"key": GENERATOR, "name": "writer"}, {"key": OTHER, "name": "peer"}])
        section = {"strategy": "own_vs_other", "options": {"generator": "writer"}}
        made = make_pairs(context(store, tmp_path, pair=section), JUDGE, [GENERATOR, OTHER], criteria({"help": (1, 5)}))
        assert [tuple(row.values()) for row in store.rows(SHOWN, pairing=made.key)] == [("x", "v")]


def test_a_text_of_both_generators_that_both_directions_reject_has_one_answer(tmp_path: Path) -> None:
    texts = [("both", 1), ("theirs", 4), ("mine", 4), ("both", 1)]
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {str(n): [{"text": text, "help": score} for text, score in texts] for n in range(40)})
        store.run("UPDATE responses SET generator = $other WHERE sample % 2 = 1", other=OTHER)
        store.append("generators", [{"key": GENERATOR, "name": "writer"}, {"key": OTHER, "name": "peer"}])
        section = {"strategy": "own_vs_other", "options": {"generator": "writer"}}
        made = make_pairs(context(store, tmp_path, pair=section), JUDGE, [GENERATOR, OTHER], criteria({"help": (1, 5)}))
        assert {tuple(row.values()) for row in store.rows(SHOWN, pairing=made.key)} == {("mine", "both")}


def test_the_failing_answer_of_checks_alone_is_drawn_from_those_that_are_far_enough(tmp_path: Path) -> None:
    """Each prompt has one answer that fails the light check and one that fails the heavy one."""
    tried = [("good", 1, 1), ("near", 0, 1), ("far", 1, 0)]
    table = {str(n): [{"text": t, "exact": e, "help": h} for t, e, h in tried] for n in range(12)}
    given = criteria({"exact": (0, 1), "help": (0, 1)}, {"exact": 1, "help": 4})
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, table)
        store.append(
            "criteria", [{"key": row["key"], "name": row["name"], "kind": "check", "low": 0, "high": 1} for row in given]
        )
        section = {"strategy": "checks_alone", "min_margin": 30}
        made = make_pairs(context(store, tmp_path, pair=section), JUDGE, [GENERATOR], given)
        assert [tuple(row.values()) for row in store.rows(SHOWN, pairing=made.key)] == [("good", "far")] * 12


OWN = """-- All answers over all others.
-- $least = 2: the least lead in points.
SELECT one.prompt, one.response AS chosen, other.response AS rejected, one.points - other.points AS lead
FROM candidates AS one JOIN candidates AS other USING (prompt)
WHERE lead >= $least AND NOT one.vetoed -- no more
"""
TABLE = {
    "p": [
        {"text": "a", "help": 5},
        {"text": "b", "help": 3},
        {"text": "c", "help": 1},
        {"text": "d", "help": 5, "finish": "length"},
    ]
}


def own(folder: Path, text: str, **options: Any) -> list[tuple[str, str, Decimal]]:
    """The pairs that a strategy of one's own makes of TABLE, as (chosen text, rejected text, margin)."""
    (folder / "own.sql").write_text(text)
    with Store(folder / "store.duckdb") as store:
        fill(store, TABLE)
        section = {"strategy": str(folder / "own.sql"), "options": options}
        made = make_pairs(context(store, folder, pair=section), JUDGE, [GENERATOR], criteria({"help": (1.0, 5.0)}))
        rows = store.rows("FROM pairs_readable WHERE pairing = $pairing ORDER BY chosen, rejected", pairing=made.key)
    return [(row["chosen"], row["rejected"], row["margin"]) for row in rows]


def test_a_custom_strategy_works_like_a_built_in_one(tmp_path: Path) -> None:
    assert own(tmp_path, OWN) == [("a", "b", 50), ("a", "c", 100), ("b", "c", 50)]
    (tmp_path / "again").mkdir()
    assert own(tmp_path / "again", OWN, least=4) == [("a", "c", 100)]


LONGER = """-- What the judge preferred where it is the longer one.
SELECT compared.prompt, first AS chosen, second AS rejected, one.length - other.length AS lead
FROM compared JOIN texts AS one ON one.response = first JOIN texts AS other ON other.response = second
WHERE preferred = 'first' AND lead > 0
"""


def test_a_custom_strategy_may_read_texts_and_its_judges_comparisons(tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(LONGER)
    with Store(tmp_path / "store.duckdb") as store:
        keys = fill(store, {"p": [{"text": "a"}, {"text": "bb"}, {"text": "ccc"}]})["p"]
        answers = {row["text"]: row["answer"] for row in store.rows("FROM responses")}
        store.append(
            "comparisons",
            [
                {
                    "prompt": prompt("p").key,
                    "first": answers[first],
                    "second": answers[second],
                    "judge": judge,
                    "preferred": "first",
                }
                for first, second, judge in (("bb", "a", JUDGE), ("a", "ccc", JUDGE), ("ccc", "a", "another"))
            ],
        )
        made = make_pairs(context(store, tmp_path, pair={"strategy": str(tmp_path / "own.sql")}), JUDGE, [GENERATOR])
        rows = store.rows("FROM pairs WHERE pairing = $pairing", pairing=made.key)
    assert [(row["chosen"], row["rejected"]) for row in rows] == [(keys["bb"], keys["a"])]


PAIR = "SELECT prompt, {chosen} AS chosen, min(response) AS rejected, {lead} AS lead FROM candidates GROUP BY prompt"
REFUSED = {
    "a file": (
        "SELECT content AS prompt, '' AS chosen, '' AS rejected, 1 AS lead FROM read_text('/etc/hostname')",
        "disabled by configuration",
    ),
    "a web address": ("FROM read_csv('https://example.org/x.csv')", "own.sql"),
    "another table": ("FROM responses", "Table with name responses does not exist"),
    "a Python variable": ("FROM COLUMNS", "own.sql"),
    "a change": ("DROP TABLE candidates", "syntax error"),
    "a setting": ("SET lock_configuration = false", "syntax error"),
    "a copy": ("COPY candidates TO '/tmp/x.csv'", "syntax error"),
    "a missing column": ("SELECT prompt FROM candidates", '"chosen"'),
    "a response that is none": (PAIR.format(chosen="-1", lead=1), "is not a candidate"),
    "a response against itself": (PAIR.format(chosen="min(response)", lead=1), "is both chosen and rejected"),
    "a cut-off one": (
        PAIR.format(chosen="max(response) FILTER (vetoed)", lead=1).replace(
            "min(response)", "min(response) FILTER (NOT vetoed)"
        ),
        "cut off",
    ),
    "a tie": (PAIR.format(chosen="max(response) FILTER (NOT vetoed)", lead=0), "zero or less"),
    "a pair both ways": (
        f"WITH mine AS ({OWN}) SELECT * FROM mine UNION ALL SELECT prompt, rejected, chosen, lead FROM mine",
        "given twice",
    ),
    "a pair twice": (f"SELECT * FROM ({OWN}\n) UNION ALL SELECT * FROM ({OWN}\n)", "given twice"),
    "an option that is not declared": (
        OWN.replace("$least", "$most").replace("-- $most", "-- most"),
        "no value is given for '\\$most'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_forbidden_statements_of_a_custom_strategy_are_reported_with_its_file(name: str, tmp_path: Path) -> None:
    text, said = REFUSED[name]
    with pytest.raises(InputError, match=said) as error:
        own(tmp_path, text)
    assert "own.sql" in str(error.value)
    with Store(tmp_path / "store.duckdb") as store:
        assert not store.rows("FROM pairings")


WRONG = {
    "an unknown option": ({"strategy": "max_vs_min_of", "options": {"off": 3}}, "Did you mean 'of'"),
    "an option where there is none": ({"options": {"of": 3}}, "It has none"),
    "text for a number": ({"strategy": "max_vs_min_of", "options": {"of": "3"}}, "must be a number"),
    "a number for text": ({"strategy": "one_criterion", "options": {"criterion": 3}}, "must be text"),
    "an option left out": ({"strategy": "one_criterion"}, "needs the option 'criterion'"),
    "an unknown criterion": ({"strategy": "one_criterion", "options": {"criterion": "halp"}}, "Did you mean 'help'"),
    "no such file": ({"strategy": "mine.sql"}, "mine.sql"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_option_is_reported(name: str, tmp_path: Path) -> None:
    section, said = WRONG[name]
    with Store(tmp_path / "store.duckdb") as store, pytest.raises(InputError, match=said):
        make_pairs(context(store, tmp_path, pair=section), JUDGE, [GENERATOR], criteria({"help": (1.0, 5.0)}))
