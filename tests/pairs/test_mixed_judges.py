"""Several judges make the pairs: given their scores, expected pairs; and every mix against a slow, obvious reference."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.types import answer_key, key
from rlaif.data.export import export
from rlaif.pairs.pairing import Pairing
from rlaif.pairs.weights import PairJudge
from rlaif.pipeline.pairs_diff import compare
from rlaif.store.store import Store
from tests.support.scripted_pipeline import go, project
from tests.support.stores import GENERATOR, context, criteria, fill, make_pairs, outcomes, prompt

RANGES = {"help": (1.0, 5.0)}
# By prompt and judge: what each text is given by each criterion; a word is a failure's kind.
Said = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float | str]]]]


def say(store: Store, said: Said) -> dict[str, dict[str, str]]:
    """The prompts' responses and what the judges said of them; the response keys by prompt and text."""
    keys = fill(
        store, {name: [{"text": text} for text in sorted({t for by in said[name].values() for t in by})] for name in said}
    )
    store.append(
        "scores",
        [
            {
                "answer": answer_key(prompt(name).key, text),
                "judge": judge,
                "criterion": key("criterion", criterion),
                "repeat": 0,
                "attempt": 0,
                "value": None if isinstance(score, str) else score,
                "failure": score if isinstance(score, str) else None,
            }
            for name, by in said.items()
            for judge, given in by.items()
            for text, scores in given.items()
            for criterion, score in scores.items()
        ],
    )
    return keys


def members(
    judges: Sequence[str], ranges: Mapping[str, Mapping[str, tuple[float, float]]] = {}, **options: Any
) -> list[PairJudge]:
    return [PairJudge(judge, criteria(ranges.get(judge, RANGES), **options), judge) for judge in judges]


def paired(
    folder: Path,
    said: Said,
    judges: Sequence[PairJudge],
    mix: Any = "mean",
    agree: Sequence[str] = (),
    threads: int | None = None,
    **section: Any,
) -> tuple[list[tuple[str, str, str, float | None]], dict[str, str], Pairing]:
    """Pairs as (prompt, chosen, rejected, margin), and outcomes by prompt and by text."""
    with Store(folder / "store.duckdb") as store:
        if threads:
            store.run(f"SET threads = {threads}")
        texts = {response: (name, text) for name, by in say(store, said).items() for text, response in by.items()}
        names = {prompt(name).key: name for name in said}
        made = make_pairs(context(store, folder, pair=section), judges, [GENERATOR], agree=agree, mix=mix)
        rows = store.rows("FROM pairs WHERE pairing = $pairing", pairing=made.key)
        rested = outcomes(store, made.key)
        if threads:
            export(store, made.key, folder, held_out=0.1, formats=["parquet"])
    found = [(*texts[row["chosen"]], texts[row["rejected"]][1], row["margin"]) for row in rows]
    ends = {texts[row["response"]][1] if row["response"] else names[row["prompt"]]: row["outcome"] for row in rested}
    return found, ends, made


def one(**by: Mapping[str, float | str]) -> Said:
    """One prompt with one criterion: what each judge gave each text."""
    return {"p": {judge: {text: {"help": score} for text, score in given.items()} for judge, given in by.items()}}


CASES: dict[str, tuple[Said, str, list[tuple[str, str, float]], str]] = {
    "the mean": (one(x={"a": 5, "b": 1}, y={"a": 2, "b": 4}), "mean", [("a", "b", 25)], "paired"),
    "a tie of the mean": (one(x={"a": 5, "b": 3}, y={"a": 2, "b": 4}), "mean", [], "tied"),
    "thirds that are equal": (one(x={"a": 3, "b": 4}, y={"a": 3, "b": 3}, z={"a": 4, "b": 3}), "mean", [], "tied"),
    # Their middles are 3, 2 and 4: a is +1, +1, -1 and b -1, -1, +1.
    "the median of what is above or below each one's own mean": (
        one(x={"a": 4, "b": 2}, y={"a": 3, "b": 1}, z={"a": 3, "b": 5}),
        "median",
        [("a", "b", 50)],
        "paired",
    ),
    "a strict judge is no veto": (
        # Raw medians are 3 and 3, a tie that only z's laxness makes.
        one(x={"a": 3, "b": 1}, y={"a": 3, "b": 1}, z={"a": 1, "b": 5}),
        "median",
        [("a", "b", 50)],
        "paired",
    ),
    "most judges": (
        one(x={"a": 5, "b": 4}, y={"a": 2, "b": 1}, z={"a": 1, "b": 5}),
        "majority",
        [("a", "b", 100)],
        "paired",
    ),
    "as many for as against": (one(x={"a": 5, "b": 4}, y={"a": 1, "b": 5}), "majority", [], "tied"),
    "two of three votes for a tie": (
        one(x={"a": 3, "b": 3}, y={"a": 3, "b": 3}, z={"a": 2, "b": 1}),
        "majority",
        [],
        "tied",
    ),
    "one of three votes for a tie leaves it to the others": (
        one(x={"a": 3, "b": 3}, y={"a": 3, "b": 2}, z={"a": 2, "b": 1}),
        "majority",
        [("a", "b", 100)],
        "paired",
    ),
    "one vote and one tie": (one(x={"a": 3, "b": 3}, y={"a": 3, "b": 2}), "majority", [("a", "b", 100)], "paired"),
    "as many ties as votes for, and one against": (
        one(v={"a": 3, "b": 3}, w={"a": 3, "b": 3}, x={"a": 3, "b": 2}, y={"a": 3, "b": 2}, z={"a": 2, "b": 3}),
        "majority",
        [("a", "b", 100)],
        "paired",
    ),
    "more ties than votes for": (
        one(
            u={"a": 3, "b": 3},
            v={"a": 3, "b": 3},
            w={"a": 3, "b": 3},
            x={"a": 3, "b": 2},
            y={"a": 3, "b": 2},
            z={"a": 2, "b": 3},
        ),
        "majority",
        [],
        "tied",
    ),
    "the mean is no vote: the one that differs decides": (
        one(x={"a": 3, "b": 3}, y={"a": 3, "b": 3}, z={"a": 4, "b": 1}),
        "mean",
        [("a", "b", 25)],
        "paired",
    ),
    # a beats b and b beats c, each by two of three, and c beats a: all have one win of two.
    "a circle": (
        one(x={"a": 3, "b": 2, "c": 1}, y={"a": 1, "b": 3, "c": 2}, z={"a": 2, "b": 1, "c": 3}),
        "majority",
        [],
        "tied",
    ),
    "a judge that failed leaves the response out": (
        one(x={"a": 5, "b": 1}, y={"a": "refused", "b": 4}),
        "mean",
        [],
        "fewer than two scored answers",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_pairs_by_case(name: str, tmp_path: Path) -> None:
    said, mix, expected, outcome = CASES[name]
    pairs, ends, _ = paired(tmp_path, said, members(sorted(said["p"])), mix)
    assert pairs == [("p", chosen, rejected, Decimal(margin)) for chosen, rejected, margin in expected]
    assert ends["p"] == outcome


def test_a_response_that_a_judge_did_not_score_says_why(tmp_path: Path) -> None:
    said = one(x={"a": 5, "b": 1, "c": 3, "d": 2}, y={"a": "refused", "b": 4, "c": 5})
    pairs, ends, _ = paired(tmp_path, said, members("xy"))
    assert pairs == [("p", "c", "b", Decimal("37.5"))]
    assert ends == {"p": "paired", "a": "not scored: refused", "b": "rejected", "c": "chosen", "d": "not judged"}


def test_scales_of_other_lengths_weigh_the_same(tmp_path: Path) -> None:
    said = one(x={"a": 4, "b": 1}, y={"a": 0, "b": 75})
    pairs, _, _ = paired(tmp_path, said, members("xy", {"y": {"help": (0, 100)}}))
    assert pairs == []
    assert paired(tmp_path / "more", one(x={"a": 4, "b": 1}, y={"a": 0, "b": 71}), members("xy", {"y": {"help": (0, 100)}}))[
        0
    ] == [("p", "a", "b", Decimal(2))]


def test_a_criterion_is_mixed_from_the_judges_that_have_it(tmp_path: Path) -> None:
    said = {"p": {"x": {"a": {"help": 5}, "b": {"help": 1}}, "y": {"a": {"faith": 1}, "b": {"faith": 2}}}}
    pairs, _, _ = paired(tmp_path, said, members("xy", {"y": {"faith": (1, 5)}}))
    assert pairs == [("p", "a", "b", Decimal("37.5"))]


def test_a_floor_holds_for_the_mix(tmp_path: Path) -> None:
    said = one(x={"a": 5, "b": 4}, y={"a": 1, "b": 1})
    assert paired(tmp_path / "low", said, members("xy", floors={"help": 3}))[0] == [("p", "a", "b", Decimal("12.5"))]
    assert paired(tmp_path / "high", said, members("xy", floors={"help": 4}))[1]["p"] == "best below a floor"


@pytest.mark.parametrize("mix", ["mean", "median", "majority"])
def test_the_judges_agreement_is_the_confidence(mix: str, tmp_path: Path) -> None:
    said = one(x={"a": 5, "b": 1}, y={"a": 4, "b": 1}, z={"a": 2, "b": 3}, w={"a": 4, "b": 1})
    judges = members("xyz")
    paired(tmp_path, said, judges, mix)
    with Store(tmp_path / "store.duckdb") as store:
        store.append("criteria", [{"key": key("criterion", "help"), "name": "help", "low": 1, "high": 5}])
        # Two votes for, one against, and with w three: the mass of a Beta(3, 2) and of a Beta(4, 2) above one half.
        assert [row["confidence"] for row in store.rows("FROM pairs")] == [0.6875]
        make_pairs(context(store, tmp_path, pair={}), judges, [GENERATOR], agree=["w", "x"], mix=mix)  # type: ignore[arg-type]
        assert sorted(row["confidence"] for row in store.rows("FROM pairs")) == [0.6875, 0.8125]


def test_the_combined_scores_are_stored(tmp_path: Path) -> None:
    paired(tmp_path, one(x={"a": 5, "b": 1}, y={"a": 2, "b": 4}), members("xy"))
    with Store(tmp_path / "store.duckdb") as store:
        rows = store.rows("SELECT answer, score::DOUBLE AS score FROM paired_scores")
        names = {answer_key(prompt("p").key, text): text for text in "ab"}
        assert {names[row["answer"]]: row["score"] for row in rows} == {"a": 3.5, "b": 2.5}


def test_judges_that_weigh_a_criterion_differently_are_not_mixed_silently(tmp_path: Path) -> None:
    said = one(x={"a": 5, "b": 1}, y={"a": 2, "b": 4})
    two = [*members("x"), *members("y", weights={"help": 2.0})]
    with pytest.raises(InputError, match="a different weight for judge 'y' than for 'x'"):
        paired(tmp_path / "weights", said, two)
    assert len(paired(tmp_path / "said", said, two, weights={"help": 1.0})[0]) == 1
    with pytest.raises(InputError, match="a different floor"):
        paired(tmp_path / "floors", said, [*members("x"), *members("y", floors={"help": 2.0})])


def won(whole: Mapping[str, Mapping[str, Fraction]], a: str, b: str) -> int:
    """1 if the judges prefer a by their votes, -1 if they prefer b, 0 if neither or if more of them find both equal."""
    more, less = sum(by[a] > by[b] for by in whole.values()), sum(by[a] < by[b] for by in whole.values())
    ties = len(whole) - more - less
    return 0 if more == less or ties > max(more, less) else 1 if more > less else -1


def lead(mix: str, given: Mapping[str, Mapping[str, tuple[int, int]]], chosen: str, rejected: str) -> Fraction:
    """By how much one text leads the other, in hundredths: given judge -> text -> (help, faith), each from 1 to 5."""
    texts = list(next(iter(given.values())))
    whole = {
        judge: {text: Fraction(3 * help + faith - 4, 16) for text, (help, faith) in by.items()}
        for judge, by in given.items()
    }
    if mix == "mean":
        points = {text: sum(by[text] for by in whole.values()) / len(whole) for text in texts}
    elif mix == "median":
        points = dict.fromkeys(texts, Fraction())
        for place, weight in ((0, Fraction(3, 16)), (1, Fraction(1, 16))):
            centred = {
                judge: {
                    text: by[text][place] - Fraction(sum(all_of[place] for all_of in by.values()), len(texts))
                    for text in texts
                }
                for judge, by in given.items()
            }
            for text in texts:
                points[text] += weight * median(by[text] for by in centred.values())
    else:
        votes = {(a, b): won(whole, a, b) for a in texts for b in texts if a != b}
        if votes[chosen, rejected] <= 0:
            return Fraction()
        points = {
            a: sum(Fraction(1 + (votes[a, b] > 0) - (votes[a, b] < 0), 2) for b in texts if b != a) / (len(texts) - 1)
            for a in texts
        }
    return 100 * (points[chosen] - points[rejected])


@pytest.mark.parametrize("mix", ["mean", "median", "majority"])
def test_mixes_are_those_of_the_reference_and_the_same_to_the_byte_with_any_threads(mix: str, tmp_path: Path) -> None:
    random = Random(mix)
    texts = ["a", "b", "c", "d"]
    given = {
        f"p{number}": {judge: {text: (random.randint(1, 5), random.randint(1, 5)) for text in texts} for judge in "xyz"}
        for number in range(150)
    }
    said = {
        name: {
            judge: {text: {"help": help, "faith": faith} for text, (help, faith) in by.items()}
            for judge, by in judges.items()
        }
        for name, judges in given.items()
    }
    three = [PairJudge(judge, criteria({"help": (1.0, 5.0), "faith": (1.0, 5.0)}, {"help": 3.0}), judge) for judge in "xyz"]
    files = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        pairs, ends, _ = paired(folder, said, three, mix, threads=threads)
        files.append([(path.name, path.read_bytes()) for path in sorted(folder.rglob("*.parquet"))])
    assert files[0]
    assert files[0] == files[1]
    made = {name: (chosen, rejected, margin) for name, chosen, rejected, margin in pairs}
    assert len(made) > 50
    for name, by in given.items():
        leads = {(c, r): lead(mix, by, c, r) for c in texts for r in texts if c != r}
        if name in made:
            chosen, rejected, margin = made[name]
            assert float(leads[chosen, rejected]) == pytest.approx(float(margin or 0), abs=1e-4)
            assert mix == "majority" or leads[chosen, rejected] == max(leads.values())
            assert leads[chosen, rejected] > 0
        else:
            # The widest lead may be one that most judges go against.
            assert mix == "majority" or max(leads.values()) == 0, ends[name]


def test_a_pipeline_pairs_by_several_judges_and_reports_all_of_them(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=5)
    both = ["judge.by=[a, b]", "pair={judge: [a, b], mix: median}"]
    assert {"judge a", "judge b"} <= set(go(file, *both))
    text = (tmp_path / "out/pairs/preference/README.md").read_text()
    for name in "ab":
        assert f"\njudge, one of several by their median, {name}, with" in text
    with pipeline.open_run(load(file, both)) as (plan, context):
        found = compare(context, ["pair.mix=mean"], ["pair.judge=a"])
        lists = pipeline.export(plan, context, tmp_path / "lists", ["jsonl"], "ranked")
        scores = context.store.rows(
            "SELECT answer, score FROM paired_scores JOIN pairings_readable USING (pairing) WHERE newest"
        )
    assert found.a.pairs > 0
    assert any(cause.known for cause in found.causes)
    assert sum(lists.rows.values()) > 0
    assert scores
    with pytest.raises(InputError, match="judge 'b' falls short"):
        go(file, *both, "gate={most: {failures: 0.09}}", "models.second.malformed=0.9", "judges.b.attempts=1")
