"""What filters take out: given texts, one reason each, and a funnel that adds up exactly."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.store.store import Store
from tests.support.scripted_pipeline import project
from tests.support.stores import GENERATOR, JUDGE, context, criteria, fill, make_pairs, prompt

LONG = "the quick brown fox jumps over the lazy dog while seven wizards watch from a hill in the rain"
NEAR = LONG.replace("seven", "eight")
FAR = "an entirely different reply about crates that were counted twice by the clerk at the harbour on a Monday"


def paired(
    folder: Path, table: dict[str, list[dict[str, Any]]], **section: Any
) -> tuple[dict[str, str], dict[str, str], int]:
    """Outcomes by prompt, and by text; and the number of pairs."""
    with Store(folder / "store.duckdb") as store:
        fill(store, table)
        made = make_pairs(context(store, folder, pair=section), JUDGE, [GENERATOR], criteria({"help": (1.0, 5.0)}))
        rows = store.rows("FROM outcomes_readable WHERE pairing = $pairing", pairing=made.key)
    return (
        {row["request"]: row["outcome"] for row in rows if row["response"] is None},
        {row["text"]: row["outcome"] for row in rows if row["response"] is not None},
        made.pairs,
    )


def answers(*texts: str, **more: Any) -> list[dict[str, Any]]:
    return [{"text": text, "help": 5 - index, **more} for index, text in enumerate(texts)]


def test_lengths_are_bounded_in_characters(tmp_path: Path) -> None:
    table = {"p": answers("ééé", "é", "ééééé", "éé")}
    of_prompts, of_texts, pairs = paired(tmp_path, table, filters={"min_length": 2, "max_length": 4})
    assert (of_prompts, pairs) == ({"p": "paired"}, 1)
    assert of_texts == {"ééé": "chosen", "éé": "rejected", "é": "filtered: too short", "ééééé": "filtered: too long"}


@pytest.mark.fault("H15")
def test_truncated_and_refused_responses_can_be_kept_out_of_both_sides(tmp_path: Path) -> None:
    table = {
        "p": [
            *answers("good", "fair"),
            {"text": "cut", "help": 1, "finish": "length"},
            {"text": "no", "help": 1, "finish": "refused"},
        ]
    }
    _, of_texts, _ = paired(tmp_path, table, filters={"unfinished": "never"})
    assert of_texts == {
        "good": "chosen",
        "fair": "rejected",
        "cut": "filtered: cut off or refused",
        "no": "filtered: cut off or refused",
    }


def test_one_of_several_near_duplicates_is_kept(tmp_path: Path) -> None:
    _, of_texts, pairs = paired(
        tmp_path, {"p": answers(LONG, NEAR, LONG.upper() + "!", FAR)}, filters={"near_duplicates": 0.6}
    )
    assert pairs == 1
    assert Counter(of_texts.values()) == {"filtered: near-duplicate of another": 2, "chosen": 1, "rejected": 1}
    assert of_texts[FAR] == "rejected"


def test_a_prompt_of_near_duplicates_alone_has_no_pair_and_that_reason(tmp_path: Path) -> None:
    of_prompts, of_texts, pairs = paired(tmp_path, {"p": answers(LONG, NEAR)}, filters={"near_duplicates": 0.6})
    assert (of_prompts, pairs) == ({"p": "fewer than two answers after the filters"}, 0)
    assert sorted(of_texts.values()) == [
        "filtered: near-duplicate of another",
        "prompt without a pair: fewer than two answers after the filters",
    ]


def test_short_and_empty_answers_are_compared_whole(tmp_path: Path) -> None:
    _, of_texts, _ = paired(tmp_path, {"p": answers("Yes.", "yes", "no", "", "!")}, filters={"near_duplicates": 0.6})
    assert Counter(of_texts.values())["filtered: near-duplicate of another"] == 2


def test_one_of_several_answers_that_a_trainer_truncates_to_the_same_tokens_is_kept(tmp_path: Path) -> None:
    table = {"p": answers("The depot holds 12 crates.", "The depot holds 12 boxes.", "Nobody knows of any crate.")}
    filters = {"truncation": {"tokenizer": "tiny:writer", "tokens": 4}}
    _, of_texts, pairs = paired(tmp_path, table, filters=filters)
    assert pairs == 1
    assert Counter(of_texts.values())["filtered: same as another once truncated"] == 1


@pytest.mark.parametrize(
    ("tokenizer", "what"), [("absent", "no checkpoint at absent"), ("broken", "cannot open a tokenizer at broken")]
)
def test_the_requirements_of_a_filter_are_checked_before_anything_is_spent(
    tokenizer: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    file = project(tmp_path, prompts=1)
    (tmp_path / "bench.png").touch()
    with pytest.raises(InputError, match="unsupported kind of file"):
        pipeline.check(pipeline.resolve(load(file, ["pair.filters.contamination={files: [bench.png]}"])))
    config = load(file, [f"pair.filters.truncation={{tokenizer: {tokenizer}, tokens: 4}}"])
    with pytest.raises(InputError, match=what) as caught:
        pipeline.check(pipeline.resolve(config))
    assert "pair.filters.truncation.tokenizer" in caught.value.where
    pipeline.check(pipeline.resolve(load(file, ["pair.filters.truncation={tokenizer: 'tiny:writer', tokens: 4}"])))


def benchmark(folder: Path, *texts: str) -> str:
    (folder / "bench.jsonl").write_text("".join(json.dumps({"id": 1, "turns": [{"q": text}]}) + "\n" for text in texts))
    return str(folder / "bench.jsonl")


def test_prompts_and_responses_with_benchmark_text_are_dropped_and_counted(tmp_path: Path) -> None:
    file = benchmark(tmp_path, LONG, "What is the capital of France?")
    table = {
        f"Please tell: {LONG}": answers("a", "b"),
        "what is the capital of france": answers("c", "d"),
        "What is the capital of France, and why?": answers("e", f"You know that {LONG}", "f"),
    }
    of_prompts, of_texts, pairs = paired(tmp_path, table, filters={"contamination": {"files": [file]}})
    held = f"filtered: holds text of {file}"
    assert of_prompts == dict(zip(table, [held, held, "paired"], strict=True))
    assert pairs == 1
    assert of_texts == {
        **dict.fromkeys("abcd", f"prompt without a pair: {held}"),
        "e": "chosen",
        f"You know that {LONG}": held,
        "f": "rejected",
    }


@pytest.mark.parametrize(("words", "out"), [(13, False), (5, True)])
def test_so_many_words_in_a_row_are_too_many(words: int, out: bool, tmp_path: Path) -> None:
    file = benchmark(tmp_path, LONG)
    asked = "Why do seven wizards watch from a hill?"
    of_prompts, _, _ = paired(
        tmp_path, {asked: answers("a", "b")}, filters={"contamination": {"files": [file], "words": words}}
    )
    assert of_prompts[asked].startswith("filtered") == out


@pytest.mark.parametrize("kind", ["csv", "parquet", "txt", "json"])
def test_a_benchmark_may_be_of_any_kind_of_file(kind: str, tmp_path: Path) -> None:
    import duckdb

    file = tmp_path / f"bench.{kind}"
    if kind == "txt":
        file.write_text(f"{LONG}\n")
    else:
        option = ", ARRAY true" if kind == "json" else ""
        duckdb.execute(f"COPY (SELECT 1 AS id, '{LONG}' AS text) TO '{file}' (FORMAT {kind}{option})")
    of_prompts, _, _ = paired(tmp_path, {LONG: answers("a", "b")}, filters={"contamination": {"files": [str(file)]}})
    assert list(of_prompts.values()) == [f"filtered: holds text of {file}"]


def test_a_changed_benchmark_is_another_pairing(tmp_path: Path) -> None:
    keys = set()
    for number, text in enumerate((LONG, FAR)):
        file, folder = benchmark(tmp_path, text), tmp_path / str(number)
        with Store(folder / "store.duckdb") as store:
            fill(store, {"p": answers("a", "b")})
            section = {"filters": {"contamination": {"files": [file]}}}
            keys.add(
                make_pairs(context(store, folder, pair=section), JUDGE, [GENERATOR], criteria({"help": (1.0, 5.0)})).key
            )
    assert len(keys) == 2


WRONG = {
    "no such file": ("none.jsonl", "none.jsonl"),
    "no file of texts": ("x.png", "unsupported kind of file"),
    "no JSON": ("x.jsonl", "cannot be read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_unreadable_benchmark_is_reported(name: str, tmp_path: Path) -> None:
    file, said = WRONG[name]
    if file != "none.jsonl":
        (tmp_path / file).write_text("{not json")
    with pytest.raises(InputError, match=said):
        paired(tmp_path, {"p": answers("a", "b")}, filters={"contamination": {"files": [str(tmp_path / file)]}})


texts = st.sampled_from([LONG, NEAR, FAR, "short", "Short.", "", "a b c d e f"])
tables = st.dictionaries(
    st.sampled_from(["p", "q", LONG, "r"]),
    st.lists(
        st.fixed_dictionaries(
            {
                "text": texts,
                "help": st.integers(1, 5) | st.sampled_from(["malformed", None]),
                "finish": st.sampled_from(["stop", "stop", "length"]),
                "failure": st.sampled_from([None, None, None, "timeout"]),
            }
        ),
        max_size=5,
    ),
    min_size=1,
)
chosen_filters = st.fixed_dictionaries(
    {},
    optional={
        "unfinished": st.just("never"),
        "min_length": st.just(6),
        "max_length": st.just(95),
        "near_duplicates": st.just(0.6),
    },
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store(tmp_path_factory.mktemp("empty") / "store.duckdb") as store:
        yield store


@settings(max_examples=25, deadline=None)
@given(
    tables, chosen_filters, st.booleans(), st.sampled_from(["best_vs_worst", "all_above_margin"]), st.sampled_from([0, 0.5])
)
def test_every_prompt_and_response_has_exactly_one_reason(
    empty: Store, table: dict[str, Any], filters: dict[str, Any], decontaminated: bool, strategy: str, least: float
) -> None:
    # A store takes longer to make than the pairs of an example, so that all examples share one and leave nothing in it.
    store, folder = empty, empty.path.parent
    with store.scratch():
        fill(store, table)
        if decontaminated:
            filters = filters | {"contamination": {"files": [benchmark(folder, LONG)]}}
        section = {"strategy": strategy, "filters": filters, "per_prompt": 3, "min_confidence": least}
        made = make_pairs(context(store, folder, pair=section), JUDGE, [GENERATOR], criteria({"help": (1.0, 5.0)}))
        rows = store.rows("FROM outcomes")
        sides = store.rows("FROM pairs")
    of_prompts = {row["prompt"]: row["outcome"] for row in rows if row["response"] is None}
    of_responses = {row["response"]: row["outcome"] for row in rows if row["response"] is not None}
    assert len(of_prompts) + len(of_responses) == len(rows) == len(table) + sum(map(len, table.values()))
    assert sum(made.outcomes.values()) == len(table)
    assert None not in [*of_prompts.values(), *of_responses.values()]
    assert {p for p, outcome in of_prompts.items() if outcome == "paired"} == {row["prompt"] for row in sides}
    for side in ("chosen", "rejected"):
        marked = {
            response for response, outcome in of_responses.items() if side in outcome.split(" and ") or outcome == side
        }
        assert marked == {row[side] for row in sides}
    if decontaminated and LONG in table:
        assert of_prompts[prompt(LONG).key].startswith("filtered: holds text of")
