"""Two ways to make pairs of the same scores, side by side: given scores, expected fates; and the store stays as it was."""

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.types import key
from rlaif.data.sources.importer import IMPORTED
from rlaif.pipeline.pairs_diff import Difference, compare
from rlaif.pipeline.pairs_diff_render import render
from rlaif.store.store import Row, Store
from tests.support.command_line import rlaif
from tests.support.scripted_pipeline import go, project, rows
from tests.support.stores import fill

PIPELINE = """
name: diff
out: {out}
collect: {{sources: [{{path: x.jsonl, columns: {{prompt: p, responses: [a]}}}}]}}
pair: {{judge: critic}}
"""
GOLD = "other judge"


def scored(
    store: Store, table: dict[str, list[dict[str, Any]]], second: dict[str, list[dict[str, Any]]] | None = None
) -> None:
    """The store with one judge's scores, and perhaps another's of the same texts; both have come with the data."""
    fill(store, table)
    generator = key("imported", "imported")
    store.run("UPDATE responses SET generator = $generator", generator=generator)
    store.append("generators", [{"key": generator, "name": "imported", "spec": IMPORTED}])
    store.append("judges", [{"key": "judge", "name": "critic", "spec": "{}"}, {"key": GOLD, "name": "gold", "spec": "{}"}])
    store.append(
        "criteria",
        [
            {"key": key("criterion", name), "name": name, "kind": "scale", "low": 1.0, "high": 5.0, "spec": "{}"}
            for name in ("help", "faith")
        ],
    )
    answers = {(row["request"], row["text"]): row["answer"] for row in store.rows("FROM responses_readable")}
    store.append(
        "scores",
        [
            {
                "answer": answers[name, given["text"]],
                "judge": GOLD,
                "criterion": key("criterion", criterion),
                "repeat": 0,
                "attempt": 0,
                "value": float(given[criterion]),
            }
            for name, responses in (second or {}).items()
            for given in responses
            for criterion in ("help", "faith")
        ],
    )


def difference(
    folder: Path, table: dict[str, Any], a: list[str], b: list[str], second: dict[str, Any] | None = None
) -> Difference:
    (folder / "diff.yaml").write_text(PIPELINE.format(out=folder / "out"))
    with pipeline.open_run(load(folder / "diff.yaml")) as (_, context):
        scored(context.store, table, second)
        return compare(context, a, b)


def answer(text: str, help: int, faith: int) -> Row:
    return {"text": text, "help": help, "faith": faith}


# What the scores are, the two ways, and the fates that must come of it: (fate, why, pairs).
ONE = {"p": [answer("x", 5, 3), answer("y", 1, 3), answer("z", 3, 3)]}
TWO = {"p": [answer("x", 5, 1), answer("y", 1, 4)]}
CASES: dict[str, tuple[dict[str, Any], list[str], list[str], dict[str, Any] | None, list[tuple[str, str | None, int]]]] = {
    "the same twice": (ONE, [], [], None, [("same", None, 1)]),
    "a weight flips": (TWO, [], ["pair.weights.help=0"], None, [("flipped", None, 1)]),
    "a judge flips": (TWO, [], ["pair.judge=gold"], {"p": [answer("x", 1, 1), answer("y", 5, 5)]}, [("flipped", None, 1)]),
    "another answer is rejected": (
        ONE,
        [],
        ["pair.strategy=best_vs_second"],
        None,
        [("lost", "another answer is rejected", 1), ("gained", "another answer is rejected", 1)],
    ),
    "a margin loses": (ONE, [], ["pair.min_margin=80"], None, [("lost", "prompt: below the margin", 1)]),
    "a margin gains": (ONE, ["pair.min_margin=80"], [], None, [("gained", "prompt: below the margin", 1)]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_pair_has_its_fate_and_reason(name: str, tmp_path: Path) -> None:
    table, a, b, second, expected = CASES[name]
    found = difference(tmp_path, table, a, b, second)
    assert [(change.fate, change.why, change.pairs) for change in found.changes] == expected
    assert (found.a.settings, found.b.settings) == (a, b)


def test_a_judge_without_scores_is_not_compared(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="judge gold has scored 0 of 3 responses"):
        difference(tmp_path, ONE, [], ["pair.judge=gold"], {})


def test_a_flip_names_the_criterion_that_caused_it_and_what_each_side_made_of_it(tmp_path: Path) -> None:
    found = difference(tmp_path, TWO, [], ["pair.weights.help=1", "pair.weights.faith=3"])
    causes = {cause.criterion: cause for cause in found.causes}
    # Of five steps four lie between the answers' help, three between their faith; weights 1:1, then 1:3.
    assert (causes["help"].lead_a, causes["help"].lead_b) == (50.0, 25.0)
    assert (causes["faith"].lead_a, causes["faith"].lead_b) == (-37.5, -56.25)
    assert (causes["help"].cause, causes["faith"].cause) == (1, 0)
    (example,) = found.examples
    assert (example.chosen, example.rejected, example.margin_a, example.margin_b) == ("x", "y", 12.5, 31.25)


@pytest.mark.parametrize(
    ("b", "said"), [([], "No pair changes."), (["pair.strategy=best_vs_second"], "Scores and weights are the same")]
)
def test_a_comparison_of_pairs_ends_with_whether_anything_changed(b: list[str], said: str, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=120)
    render(difference(tmp_path, ONE, [], b), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert [each for each in ("No pair changes.", "Scores and weights are the same") if each in text] == [said]


def test_lengths_of_both_sides_are_reported(tmp_path: Path) -> None:
    found = difference(tmp_path, {"p": [answer("long one", 5, 1), answer("short", 1, 4)]}, [], ["pair.weights.help=0"])
    assert (found.a.chosen_length, found.a.longer) == (8, 1)
    assert (found.b.chosen_length, found.b.longer) == (5, 0)


WAYS = [
    [],
    ["pair.strategy=best_vs_second"],
    ["pair.strategy=all_above_margin", "pair.per_prompt=3"],
    ["pair.weights.help=0"],
    ["pair.judge=gold"],
    ["pair.min_margin=40", "pair.seed=3"],
    ["pair.strategy=best_vs_random"],
]
SCORES = st.lists(
    st.lists(st.tuples(*[st.integers(1, 5)] * 4), min_size=1, max_size=4, unique=False), min_size=1, max_size=3
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(SCORES, st.sampled_from(WAYS), st.sampled_from(WAYS))
def test_fates_are_what_a_slow_comparison_of_the_pairs_finds_and_shares_add_up(
    scores: list[list[tuple[int, int, int, int]]], a: list[str], b: list[str]
) -> None:
    table = {f"p{n}": [answer(f"{n}.{m}", *each[:2]) for m, each in enumerate(given)] for n, given in enumerate(scores)}
    second = {f"p{n}": [answer(f"{n}.{m}", *each[2:]) for m, each in enumerate(given)] for n, given in enumerate(scores)}
    with TemporaryDirectory() as name:
        folder = Path(name)
        found = difference(folder, table, a, b, second)
        made = []
        for way in (a, b):
            with pipeline.open_run(load(folder / "diff.yaml", way)) as (plan, context):
                pairing = pipeline.make_pairs(plan, context).key
                made.append(
                    {
                        (row["chosen"], row["rejected"])
                        for row in context.store.rows("FROM pairs_readable WHERE pairing = $pairing", pairing=pairing)
                    }
                )
    one, other = made
    back = {(rejected, chosen) for chosen, rejected in other}
    assert found.same == len(one & other)
    assert found.flipped == len(one & back)
    assert found.lost == len(one - other - back) == found.a.pairs - found.same - found.flipped
    assert found.gained == found.b.pairs - found.same - found.flipped
    for example in found.examples:
        mine = [cause for cause in found.causes if cause.fate == example.fate]
        if len([change for change in found.changes if change.fate == example.fate]) == 1 == sum(
            change.pairs for change in found.changes if change.fate == example.fate
        ) and all(cause.known for cause in mine):
            margin, lead = (example.margin_b, "lead_b") if example.fate == "gained" else (example.margin_a, "lead_a")
            assert sum(getattr(cause, lead) for cause in mine) == pytest.approx(margin, abs=1e-4)


def test_the_store_is_left_as_it_was(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    tables = ("pairs", "pairings", "pairing_criteria", "reasons")
    before = {table: rows(file, f"FROM {table}") for table in tables}
    with pipeline.open_run(load(file)) as (_, context):
        found = compare(context, [], ["pair.strategy=best_vs_second"])
        stored = found.a.pairing
        assert compare(context, [stored[:6]], [stored]).flipped == 0
    assert found.a.pairs
    assert {table: rows(file, f"FROM {table}") for table in tables} == before


WRONG = {
    "another store": (["out=elsewhere"], "in one store"),
    "an unknown pairing": (["zzz"], "no pairing starts with 'zzz'"),
    "an unknown strategy": (["pair.strategy=best"], "no strategy is called 'best'"),
    "an unknown judge": (["pair.judge=nobody"], "no judge is called 'nobody'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_invalid_pairing_is_reported(name: str, tmp_path: Path) -> None:
    given, said = WRONG[name]
    file = project(tmp_path, prompts=2)
    go(file)
    with pipeline.open_run(load(file)) as (_, context), pytest.raises(InputError, match=said):
        compare(context, [], given)


def test_the_command_prints_tables_or_json(tmp_path: Path) -> None:
    file = project(tmp_path)
    go(file)
    command = ["pairs", "diff", str(file), "--b", "pair.weights.faithfulness=9"]
    assert "From A to B" in rlaif(*command).stdout
    found = json.loads(rlaif(*command, "--json").stdout)
    assert found["a"]["pairs"] == found["same"] + found["flipped"] + found["lost"]


def test_hostile_text_moves_no_cursor(tmp_path: Path) -> None:
    table = {"\x1b[2J\u202e [red]p": [answer("x\x1b[31m\n\ny", 5, 1), answer("[bold]y", 1, 4)]}
    console = Console(file=io.StringIO(), width=120)
    render(difference(tmp_path, table, [], ["pair.weights.help=0"]), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert not {"\x1b", "\u202e"} & set(text)
    assert "[bold]y" in text
