"""Pairs need scores: a judge that has scored nothing is an error, one that has scored a part is a note with counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.core.types import answer_key
from rlaif.pairs.coverage import Coverage, coverage
from rlaif.pairs.weights import PairJudge
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.displays import RecordedNotes
from tests.support.scripted_pipeline import add, go, project, rows
from tests.support.stores import GENERATOR, JUDGE, criteria, fill, prompt

RANGES = {"help": (1.0, 5.0), "faith": (1.0, 5.0)}


def covered(folder: Path, table: dict[str, Any], weights: dict[str, float] | None = None, **options: Any) -> Coverage:
    with Store(folder / "store.duckdb") as store:
        fill(store, {name: [dict(each) for each in responses] for name, responses in table.items()})
        store.append("cascade_escalations", [{"prompt": prompt("left").key, "before": "first", "judge": JUDGE}])
        return coverage(store, [PairJudge(JUDGE, criteria(RANGES, weights or {}), "a")], [GENERATOR], **options)


WHOLE = {"text": "x", "help": 3, "faith": 3}
COVERAGE: dict[str, tuple[dict[str, Any], dict[str, Any], Coverage]] = {
    "nothing is scored": ({"p": [{"text": "x"}, {"text": "y"}]}, {}, Coverage(2, 0)),
    "all is scored": ({"p": [WHOLE]}, {}, Coverage(1, 1)),
    "a failed judgement was tried": ({"p": [{"text": "x", "help": "timeout", "faith": "malformed"}]}, {}, Coverage(1, 1)),
    "one criterion of two is no score": ({"p": [{"text": "x", "help": 3}]}, {}, Coverage(1, 0)),
    "a criterion without weight is not needed": (
        {"p": [{"text": "x", "help": 3}]},
        {"weights": {"faith": 0}},
        Coverage(1, 1),
    ),
    "any criterion will do": ({"p": [{"text": "x", "help": 3}]}, {"every": False}, Coverage(1, 1)),
    "a response that failed is not to be scored": ({"p": [WHOLE, {"text": "z", "failure": "refused"}]}, {}, Coverage(1, 1)),
    "equal texts are scored together": ({"p": [WHOLE, {"text": "x"}]}, {}, Coverage(2, 2)),
    "only what the judge before left": ({"p": [{"text": "x"}], "left": [WHOLE]}, {"after": "first"}, Coverage(1, 1)),
    "nothing was left": ({"p": [{"text": "x"}]}, {"after": "first"}, Coverage(0, 0)),
}


@pytest.mark.parametrize("name", COVERAGE)
def test_coverage_counts_the_responses_that_a_judge_has_scored(name: str, tmp_path: Path) -> None:
    table, options, expected = COVERAGE[name]
    assert covered(tmp_path, table, **options) == expected
    assert expected.missing == (expected.responses > 0 and expected.judged == 0)


def test_a_judge_that_votes_counts_as_having_judged_the_compared_responses(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"p": [{"text": "x"}, {"text": "y"}, {"text": "z"}]})
        asked = prompt("p").key
        store.append(
            "comparisons",
            [
                {
                    "prompt": asked,
                    "judge": "ann",
                    "criterion": "overall",
                    "preferred": "first",
                    "first": answer_key(asked, "x"),
                    "second": answer_key(asked, "y"),
                }
            ],
        )
        assert coverage(store, [PairJudge("ann", [], "ann")], [GENERATOR]) == Coverage(3, 2)
        assert coverage(store, [PairJudge("bob", [], "bob")], [GENERATOR]) == Coverage(3, 0)


REFUSED = {
    "a judge that has not run": (
        ["pair.judge=b"],
        r"judge b has scored 0 of 12 responses with the present rubric\nRun `rlaif judge .* --judge b",
    ),
    "one of a panel that has not run": (["pair.judge=[a, b]"], "judge b has scored 0 of 12 responses"),
    "a judge to agree that has not run": (["pair.agree=[b]"], "judge b has scored 0 of 12 responses"),
    "a changed rubric": (["judges.a.rubric=other.yaml"], "judge a has scored 0 of 12 responses with the present rubric"),
    "a changed model": (["models.first.salt=other"], "judge a has scored 0 of 12 responses with the present rubric"),
    "a changed generator": (
        ["generate.temperature=0.5"],
        r"no responses yet by the generator of this file\nRun `rlaif generate",
    ),
    "a person who has not voted": (
        ["pair.judge=human:ann"],
        r"no votes by human:ann yet\nVote first: `rlaif label .* --by ann",
    ),
}


def test_a_pairing_over_missing_scores_is_refused_and_not_stored(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    rubric = (tmp_path / "rubric.yaml").read_text()
    (tmp_path / "other.yaml").write_text(rubric.replace("Is every statement", "Is each statement"))
    go(file)
    made = rows(file, "FROM pairings_readable")
    exported = (tmp_path / "out/pairs/preference/README.md").read_bytes()
    for name, (overrides, said) in REFUSED.items():
        with pipeline.open_run(load(file, overrides)) as (plan, context), pytest.raises(InputError, match=said):
            pipeline.pair(plan, context)
        assert rows(file, "FROM pairings_readable") == made, name
    assert (tmp_path / "out/pairs/preference/README.md").read_bytes() == exported
    assert rlaif("pair", str(file), "--judge", "b").returncode == 2


def test_judges_that_scored_different_responses_cannot_be_mixed(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    go(file)
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.judge(plan, context, ["b"])
        half = "SELECT answer FROM responses JOIN prompts ON prompts.key = prompt WHERE position % 2 = 0"
        for name, which in (("a", "IN"), ("b", "NOT IN")):
            judge = f"(SELECT key FROM judges WHERE name = '{name}')"
            context.store.run(f"DELETE FROM scores WHERE judge = {judge} AND answer {which} ({half})")
    with (
        pipeline.open_run(load(file, ["pair.judge=[a, b]"])) as (plan, context),
        pytest.raises(InputError, match="scored by all of a, b"),
    ):
        pipeline.pair(plan, context)


def test_a_part_that_is_scored_makes_pairs_and_a_note_with_the_counts(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    go(file)
    add(tmp_path, range(4, 6))
    notes = RecordedNotes()
    with pipeline.open_run(load(file), notes) as (plan, context):
        pipeline.collect(context)
        pipeline.generate(plan, context)
        made = pipeline.pair(plan, context)
    assert made.pairs > 0
    assert any("Judge a has scored 12 of 18 responses" in line and "rlaif judge" in line for line in notes.lines)
    assert go(file)["judge a"] > 0


def test_a_run_sends_nothing_if_a_judge_of_its_pairs_would_never_run(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    with pytest.raises(
        InputError, match=r"judge.by: `pair` needs the scores of judge 'b'.*\nWrite `judge: \{by: \[a, b\]\}`"
    ):
        go(file, "pair.judge=b")
    assert rows(file, "FROM responses") == []
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.generate(plan, context)
        pipeline.judge(plan, context, ["a", "b"])
    assert "judge b" not in go(file, "pair.judge=b"), "it was scored before, so the run goes on"


def test_a_pairing_where_every_judgement_failed_is_made_and_says_so(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=3)
    go(file)
    with pipeline.open_run(load(file)) as (plan, context):
        context.store.run("UPDATE scores SET value = NULL, expected = NULL, spread = NULL, failure = 'malformed'")
        made = pipeline.pair(plan, context)
    assert (made.pairs, made.outcomes) == (0, {"fewer than two scored answers": 3})


# What the file describes, and what is newest.


def exported(file: Path, folder: Path, *overrides: str, newest: bool = False) -> bytes:
    with pipeline.open_run(load(file, list(overrides))) as (plan, context):
        pipeline.export(plan, context, folder, ["jsonl"], pairing=pipeline.newest(context) if newest else None)
    return b"".join(path.read_bytes() for path in sorted((folder / "preference").glob("*.jsonl")))


def test_an_export_has_the_pairs_of_the_file_not_those_made_last(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=6)
    go(file)
    first = exported(file, tmp_path / "first")
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.judge(plan, context, ["b"])
    with pipeline.open_run(load(file, ["pair.judge=b"])) as (plan, context):
        pipeline.pair(plan, context)
    last = exported(file, tmp_path / "last", newest=True)
    assert last != first
    assert exported(file, tmp_path / "again") == first
    assert exported(file, tmp_path / "missing", "pair.strategy=best_vs_random") != b"", "made, because it was missing"
    assert exported(file, tmp_path / "b", "pair.judge=b") == last


def test_the_newest_pairing_is_the_last_one_made_with_the_clock_set_back(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=6)
    go(file)
    with pipeline.open_run(load(file)) as (plan, context):
        # As if all before was made two days later than what comes now.
        for table in ("pairings", "responses", "verdicts"):
            context.store.run(f"UPDATE {table} SET created = created + INTERVAL 2 DAY")
        context.store.run(
            "UPDATE runs SET started = started + INTERVAL 2 DAY; UPDATE stage_runs SET started = started + INTERVAL 2 DAY"
        )
    with pipeline.open_run(load(file, ["pair.strategy=best_vs_random"])) as (plan, context):
        made = pipeline.pair(plan, context)
        newest = context.store.rows("SELECT pairing FROM pairings_readable WHERE newest")
        assert newest == [{"pairing": made.key}]
        assert context.store.query("SELECT key FROM newest_pairing") == [{"key": made.key}]
        context.store.execute("report/sql/views")
        assert context.store.rows("SELECT key FROM report_pairing") == [{"key": made.key}]
        counted = {row["what"]: row["rows"] for row in context.store.query("pipeline/sql/status/counts")}
        assert counted["pairs (newest pairing)"] == made.pairs
        sums = "SELECT count(*) AS n FROM outcomes WHERE pairing = $key AND response IS NOT NULL"
        assert context.store.rows(sums, key=made.key) == [{"n": 18}], "no outcome is lost"


def test_later_responses_are_in_no_outcome_of_an_earlier_pairing_whatever_the_clock_says(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    go(file)
    outcomes = "SELECT response, outcome FROM outcomes WHERE pairing = '{}' ORDER BY ALL"
    (first,) = rows(file, "SELECT pairing FROM pairings_readable")
    before = rows(file, outcomes.format(first["pairing"]))
    with pipeline.open_run(load(file, ["generate.samples=5", "pair.strategy=best_vs_random"])) as (plan, context):
        pipeline.generate(plan, context)
        context.store.run("UPDATE responses SET created = created - INTERVAL 2 DAY")
        pipeline.judge(plan, context)
        made = pipeline.pair(plan, context)
    assert rows(file, outcomes.format(first["pairing"])) == before
    assert len(rows(file, outcomes.format(made.key))) == 4 * (5 + 1)
    with pipeline.open_run(load(file)) as (plan, context):
        again = pipeline.pair(plan, context)
    assert again.key == first["pairing"], "made again, it is the newest, and knows the later responses"
    assert rows(file, "SELECT pairing FROM pairings_readable WHERE newest") == [first]
    assert len(rows(file, outcomes.format(again.key))) == 4 * (5 + 1)


# Tables of schema 6 by their names in schema 5.
OLD_TABLES = {
    "rendered_prompts": "asks",
    "auxiliary_calls": "asides",
    "server_observations": "remarks",
    "served_models": "served",
    "active_prompts": "collected",
    "extra_samples": "top_ups",
    "cascade_escalations": "passed_on",
    "stage_runs": "work",
}


def test_pairings_of_an_older_store_are_numbered_by_time_and_then_by_key(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "store.duckdb"
    with Store(path) as store:
        store.append("pairings", [{"key": name, "spec": "{}"} for name in "cab"])
        store.append("responses", [{"key": name} for name in ("before", "between", "after")])
    with duckdb.connect(str(path)) as old:
        for (view,) in old.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            old.execute(f"DROP VIEW {view}")
        for name, before in OLD_TABLES.items():
            old.execute(f"ALTER TABLE {name} RENAME TO {before}")
        old.execute(
            "ALTER TABLE pairings DROP COLUMN number; ALTER TABLE pairings DROP COLUMN facts; ALTER TABLE responses DROP COLUMN kept_after; DROP TABLE in_use"
        )
        old.execute("ALTER TABLE responses DROP COLUMN reasoning; ALTER TABLE verdicts DROP COLUMN reasoning")
        old.execute("UPDATE pairings SET created = TIMESTAMP '2026-01-01' + if(key = 'a', 2, 1) * INTERVAL 1 DAY")
        old.execute("""UPDATE responses SET created = TIMESTAMP '2026-01-01'
            + CASE key WHEN 'before' THEN 0 WHEN 'between' THEN 36 ELSE 72 END * INTERVAL 1 HOUR""")
        old.execute("UPDATE meta SET value = '5' WHERE name = 'schema'")
    with Store(path) as store:
        found = store.rows("SELECT key, number FROM pairings ORDER BY number")
        assert [(row["key"], row["number"]) for row in found] == [("b", 1), ("c", 2), ("a", 3)]
        assert store.query("SELECT key FROM newest_pairing") == [{"key": "a"}]
        kept = {row["key"]: row["kept_after"] for row in store.rows("SELECT key, kept_after FROM responses")}
        assert kept == {"before": None, "between": 2, "after": 3}


def test_pairs_that_are_up_to_date_are_not_made_again_and_others_are(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=4)
    go(file)
    numbers = "SELECT key, number FROM pairings ORDER BY number"
    (first,) = rows(file, numbers)
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.judge(plan, context, ["b"])
    with pipeline.open_run(load(file, ["pair.judge=b"])) as (plan, context):
        pipeline.pair(plan, context)
    notes = RecordedNotes()
    for _ in range(2):
        with pipeline.open_run(load(file), notes) as (plan, context):
            assert pipeline.ensure_pairing(plan, context) == first["key"]
        assert rows(file, numbers)[0] == first, "others are the newest still"
    assert any("Others were made last, by b, best_vs_worst; `--newest` takes those." in line for line in notes.lines)
    add(tmp_path, range(4, 6))
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        for stage in (pipeline.generate, pipeline.judge):
            stage(plan, context)
        assert pipeline.ensure_pairing(plan, context) == first["key"]
    assert rows(file, numbers)[-1] == {"key": first["key"], "number": 3}, "there were more scores, so it is made anew"
    with pipeline.open_run(load(file)) as (plan, context):
        # As collecting does it when metadata that a check reads has changed.
        context.store.run(
            "CREATE TEMP TABLE outdated AS SELECT min(key) AS key FROM verdicts WHERE judge = (SELECT key FROM judges WHERE name = 'a'); "
            "DELETE FROM scores WHERE verdict IN (FROM outdated); DELETE FROM verdicts WHERE key IN (FROM outdated)"
        )
        pipeline.judge(plan, context)
        assert pipeline.ensure_pairing(plan, context) == first["key"]
    assert rows(file, numbers)[-1] == {"key": first["key"], "number": 4}, "there are as many scores, but one was made later"
    assert len(rows(file, f"SELECT DISTINCT prompt FROM reasons WHERE pairing = '{first['key']}'")) == 6


def lesson(file: Path, folder: Path, *options: str) -> list[str]:
    """The chosen texts that the file's training would learn from: what is prepared for `accelerate`."""
    done = rlaif("train", str(file), "--prepare", str(folder), *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["chosen"][0]["content"] for line in (folder / "rows.jsonl").read_text().splitlines()]


def test_training_takes_the_pairs_of_the_file_and_makes_them_if_they_are_missing(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=6)
    text = file.read_text().replace("models:\n", "models:\n  tiny: {kind: transformers, path: 'tiny:writer'}\n")
    file.write_text(text + "train: {model: tiny, options: {max_steps: 1}}\n")
    with pipeline.open_run(load(file)) as (plan, context):
        pipeline.collect(context)
        for stage in (pipeline.generate, pipeline.judge):
            stage(plan, context)
        pipeline.judge(plan, context, ["b"])
    with pipeline.open_run(load(file, ["pair.judge=b"])) as (plan, context):
        other = pipeline.pair(plan, context)
    mine = lesson(file, tmp_path / "mine")
    assert mine != lesson(file, tmp_path / "b", "--set", "pair.judge=b")
    with pipeline.open_run(load(file, ["pair.judge=b"])) as (plan, context):
        pipeline.pair(plan, context)
    assert lesson(file, tmp_path / "again") == mine
    assert lesson(file, tmp_path / "newest", "--newest") != mine
    with pipeline.open_run(load(file)) as (plan, context):
        assert plan.described_pairing(context.store) != other.key
