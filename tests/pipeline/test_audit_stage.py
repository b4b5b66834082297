"""Given rows, expected findings; real judgements with known numbers; and an audit from the command line."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import Measured, load
from rlaif.config.resources import root
from rlaif.core.errors import InputError
from rlaif.core.types import answer_key, key
from rlaif.evaluation.audit import MEASURES, Audit, Audited, Estimate, Finding, Findings, measure
from rlaif.pipeline.stages.audit import audit
from rlaif.report.audit_page import render
from rlaif.store.store import Store
from tests.support.command_line import rlaif
from tests.support.paths import SHARED
from tests.support.stores import GENERATOR, JUDGE, fill, prompt

WITH_DATA = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")
HELP, FAITH = key("criterion", "help"), key("criterion", "faith")
MINE = Audited("mine", JUDGE, {"help": (HELP, 3.0), "faith": (FAITH, 1.0)})
GOLD = Audited("gold", "gold", {})


def fill_audited(store: Store, table: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
    """The table, with its criteria and with a writer and a judge of the same family of models."""
    fill(store, table)
    store.append(
        "criteria",
        [{"key": each, "name": each, "kind": "scale", "low": 1.0, "high": 5.0, "spec": "{}"} for each in (HELP, FAITH)],
    )
    store.append("generators", [{"key": GENERATOR, "name": "writer", "spec": '{"model": {"model": "org/Llama-8B"}}'}])
    store.append("judges", [{"key": JUDGE, "name": "mine", "spec": '{"model": {"model": "llama-70b"}}'}])


def found(
    folder: Path,
    table: Mapping[str, Sequence[Mapping[str, object]]],
    votes: Sequence[tuple[str, str, str, str, str]] = (),
    judge: Audited = MINE,
    own: bool = False,
) -> dict[str, Any]:
    """The findings as "measure" or "measure of part" to (value, n); votes are (prompt, first, second, judge, preferred)."""
    with Store(folder / "store.duckdb") as store:
        fill_audited(store, table)
        store.append(
            "comparisons",
            [
                {
                    "prompt": prompt(name).key,
                    "first": answer_key(prompt(name).key, first),
                    "judge": who,
                    "criterion": "overall",
                    "second": answer_key(prompt(name).key, second),
                    "preferred": preferred,
                    "verdict": "v" if own and who == JUDGE else None,
                }
                for name, first, second, who, preferred in votes
            ],
        )
        gold = GOLD if any(vote[3] == "gold" for vote in votes) else None
        made = measure(store, [judge], gold, [GENERATOR])
    return {
        f"{each.measure} of {each.of}" if each.of else each.measure: (each.estimate.value, each.estimate.n)
        for each in made.judges[0].found
    }


TABLE = {
    "p": [
        {"text": "long answer", "help": 5, "faith": 1},
        {"text": "brief", "help": 2, "faith": 1},
        {"text": "middle", "help": 2, "faith": 1},
    ],
    "q": [{"text": "yes", "help": 1, "faith": 5}, {"text": "no, never", "help": 3, "faith": "malformed"}],
}
VOTES = [
    ("p", "long answer", "brief", "gold", "first"),  # right, and the longer one
    ("p", "middle", "long answer", "gold", "first"),  # wrong, and the shorter one
    ("p", "brief", "middle", "gold", "second"),  # tied by the judge; the longer one
    ("q", "yes", "no, never", "gold", "second"),  # no points of the judge, but for its first criterion
]


def test_pairs_are_counted_against_the_gold(tmp_path: Path) -> None:
    findings = found(tmp_path, TABLE, VOTES)
    assert findings["accuracy"] == (0.5, 3)
    assert findings["undecided"] == (1 / 3, 3)
    assert findings["longest"] == (2 / 3, 3)
    assert findings["gain"] == pytest.approx((0.5 - 2 / 3, 3))
    assert findings["accuracy of help"] == (0.625, 4)
    assert findings["accuracy of faith"] == (0.5, 3)
    assert findings["calibration of 56.2"] == (0.5, 2)


def test_a_single_judge_is_measured_without_a_gold_standard(tmp_path: Path) -> None:
    findings = found(tmp_path, TABLE)
    assert "accuracy" not in findings
    assert findings["ties"] == (1 / 3, 3)
    assert findings["range"] == (56.25, 1)
    assert findings["failures"] == (0.1, 10)
    assert findings["failures of malformed"] == (0.1, 10)
    assert findings["longer"] == (1.0, 2)
    assert findings["top_tie of mean of all"] == (0.0, 1)
    assert not {"exact_repeat", "swap_consistency", "own_family", "listed"} & findings.keys()


def test_a_limit_prefers_prompts_that_most_judges_scored(tmp_path: Path) -> None:
    table = {name: [{"text": "a", "help": 1, "faith": 1}, {"text": "b", "help": 5, "faith": 5}] for name in "pqrstuvw"}
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, table)
        store.append(
            "criteria",
            [{"key": each, "name": each, "kind": "scale", "low": 1.0, "high": 5.0, "spec": "{}"} for each in (HELP, FAITH)],
        )
        a, b = (answer_key(prompt("s").key, text) for text in "ab")
        store.append(
            "comparisons",
            [
                {
                    "prompt": prompt("s").key,
                    "first": a,
                    "second": b,
                    "judge": "gold",
                    "criterion": "overall",
                    "preferred": "second",
                }
            ],
        )
        made = measure(store, [MINE], GOLD, [GENERATOR], prompts=3).judges[0]
    ties, accuracy = made.get("ties"), made.get("accuracy")
    assert ties is not None
    assert accuracy is not None
    assert (ties.n, accuracy.n, accuracy.value) == (3, 1, 1.0)


def test_lists_and_a_preference_for_the_judges_own_model_family_are_detected(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        text = "other's text"
        asked = prompt("p").key
        store.append(
            "responses",
            [
                {
                    "key": "r",
                    "prompt": asked,
                    "generator": "imported",
                    "sample": 0,
                    "text": text,
                    "answer": answer_key(asked, text),
                }
            ],
        )
        store.append(
            "scores",
            [
                {
                    "answer": answer_key(asked, text),
                    "judge": JUDGE,
                    "criterion": each,
                    "repeat": 0,
                    "attempt": 0,
                    "value": 1.0,
                }
                for each in (HELP, FAITH)
            ],
        )
        store.append("generators", [{"key": "imported", "name": "gpt4", "spec": '{"kind": "imported"}'}])
    findings = {}
    table = {"p": [{"text": "- one\n- two", "help": 5, "faith": 5}]}
    with Store(tmp_path / "store.duckdb") as store:
        fill_audited(store, table)
        made = measure(store, [MINE], None, [GENERATOR, "imported"])
        findings = {each.measure: each.estimate.value for each in made.judges[0].found}
    assert (findings["listed"], findings["own_family"]) == (1.0, 1.0)


def test_a_judge_that_compares_is_measured_by_its_comparisons(tmp_path: Path) -> None:
    votes = [
        ("p", "a", "b", JUDGE, "first"),
        ("p", "b", "a", JUDGE, "second"),  # the same either way
        ("p", "a", "c", JUDGE, "first"),
        ("p", "c", "a", JUDGE, "first"),  # whichever is first
        ("p", "b", "c", JUDGE, "tie"),
        ("p", "a", "b", "gold", "first"),
        ("p", "a", "c", "gold", "first"),
        ("p", "b", "c", "gold", "second"),
    ]
    table = {"p": [{"text": text} for text in "abc"]}
    findings = found(tmp_path, table, votes, Audited("mine", JUDGE, {}))
    assert findings["swap_consistency"] == (0.5, 2)
    assert findings["first_shown"] == (0.75, 4)
    assert findings["accuracy"] == (pytest.approx(2 / 3), 3)
    assert findings["undecided"] == (pytest.approx(2 / 3), 3)
    # What it compared itself counts in both orders: b and c met in one.
    findings = found(tmp_path / "own", table, votes, Audited("mine", JUDGE, {}), own=True)
    assert findings["accuracy"] == (pytest.approx(3 / 4), 2)


def rows(path: Path, data: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in data))


@WITH_DATA
def test_three_repeats_of_a_real_judge_have_the_numbers_that_were_computed_beforehand(tmp_path: Path) -> None:
    judged = json.loads((SHARED / "mt_bench_gpt4_scores.json").read_text(encoding="utf-8"))
    prompts: dict[int, list[dict[str, Any]]] = {}
    for row in judged:
        # Each model's second turn follows its own first one, so the dialogue is part of what was judged.
        _, _, shown = row["instruction"].partition("###The instruction to evaluate:")
        prompts.setdefault(row["idx"], []).append(row | {"text": shown.partition("###Reference Answer")[0]})
    rows(
        tmp_path / "repeats.jsonl",
        [
            {
                "prompt": f"Question {name}",
                "texts": [row["text"] for row in of],
                "scores": [row["gpt4_score"][repeat] for row in of],
            }
            for repeat in range(3)
            for name, of in prompts.items()
        ],
    )
    (tmp_path / "mt.yaml").write_text(f"""
name: mt
out: {tmp_path / "out"}
collect:
  sources:
    - path: repeats.jsonl
      columns: {{prompt: prompt, responses: texts}}
      scores: [{{judge: gpt4, criterion: quality, column: scores, low: 1, high: 5}}]
""")
    with pipeline.open_run(load(tmp_path / "mt.yaml")) as (plan, context):
        findings = audit(plan, context).judges[0]
    found = {(each.measure, each.of): each.estimate for each in findings.found}
    assert found["exact_repeat", None].n == 480
    shares = [("exact_repeat", None), *(("top_tie", of) for of in ("repeat 1", "repeat 2", "repeat 3", "mean of all"))]
    assert [f"{100 * found[name].value:.1f}" for name in shares] == ["60.2", "45.0", "37.5", "50.0", "25.0"]
    assert all(found[name].interval for name in shares)


@WITH_DATA
def test_programs_are_measured_against_real_people(tmp_path: Path) -> None:
    file = root() / "pipelines/qa_feedback.yaml"
    with pipeline.open_run(load(file, [f"collect.sources.0.path={SHARED / 'qa_feedback.jsonl'}", f"out={tmp_path}"])) as (
        plan,
        context,
    ):
        made = audit(plan, context)
    assert (made.gold, [each.judge for each in made.judges]) == ("human", ["mechanical"])
    shares = {
        each.of or each.measure: each.estimate
        for each in made.judges[0].found
        if each.measure in ("accuracy", "longest", "gain")
    }
    assert {name: (f"{100 * each.value:.1f}", each.n) for name, each in shares.items() if each.value} == {
        "accuracy": ("62.8", 1616),
        "grounded": ("57.6", 1616),
        "complete": ("56.3", 1616),
        "brief": ("52.4", 1616),
        "longest": ("48.3", 1616),
        "gain": ("14.5", 1616),
    }
    # All of them together beat length, and by more than chance would give.
    low, high = shares["gain"].interval or (0, 0)
    assert 0.1 < low < 0.12 < 0.17 < high < 0.19
    # The clearer the judge is, the more often it is right.
    bins = [each.estimate.value for each in made.judges[0].found if each.measure == "calibration"]
    assert bins[-1] == max(bins)


PIPELINE = """
name: audited
out: {out}
models:
  writer: {{kind: scripted, salt: w}}
  judge: {{kind: scripted, salt: j, malformed: 0.05}}
judges:
  a: {{model: judge, rubric: rubric.yaml, calls: apart, attempts: 1}}
  words: {{rubric: words.yaml}}
collect:
  sources: [{{path: prompts.jsonl, columns: {{prompt: prompt, document: document}}}}]
generate: {{model: writer, samples: 3}}
judge: {{by: [a]}}
pair: {{judge: a}}
"""
WORDS = "{name: words, criteria: [{name: words, kind: check, function: length, high: 1000}]}"


def project(folder: Path, more: str = "") -> Path:
    shutil.copy(root() / "rubrics/grounded.yaml", folder / "rubric.yaml")
    (folder / "words.yaml").write_text(WORDS)
    rows(folder / "prompts.jsonl", [{"prompt": f"Sum up report {n}.", "document": f"Crates {n}."} for n in range(12)])
    (folder / "audited.yaml").write_text(PIPELINE.format(out=folder / "out") + more)
    return folder / "audited.yaml"


def calls(store: Store, name: str) -> int:
    return int(store.rows("SELECT coalesce(sum(calls), 0) AS n FROM stage_runs WHERE run = $run", run=name)[0]["n"])


def test_an_audit_sends_only_pending_requests_once(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pipeline.open_run(load(file)) as (plan, context):
        first = audit(plan, context, ["a"], "words", limit=5, attacks=4)
        # 5 prompts x 3 answers x 3 criteria, and 11 attacks on 4 answers.
        assert calls(context.store, context.run) == 5 + 5 * 9 + 11 * 4 * 3
    with pipeline.open_run(load(file)) as (plan, context):
        again = audit(plan, context, ["a"], "words", limit=5, attacks=4)
        assert calls(context.store, context.run) == 0
        stored = audit(plan, context, ["a"], "words", stored=True)
    assert first == again == stored
    attacked = {each.of: each.estimate for each in first.judges[0].found if each.measure == "raised"}
    assert sorted(name or "" for name in attacked) == [
        "closing",
        "constant",
        "empty",
        "flattery",
        "forged",
        "identity",
        "ignore",
        "one token",
        "other prompt",
        "repetition",
        "truncated",
    ]
    assert all(0 < each.n <= 4 for each in attacked.values())


def test_attacked_answers_are_in_no_pair_and_in_no_report(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pipeline.open_run(load(file)) as (plan, context):
        audit(plan, context, ["a"], "words", attacks=4)
        pipeline.judge(plan, context)
        made = pipeline.pair(plan, context)
        before = pipeline.report(plan, context).read_text(encoding="utf-8")
        context.store.rows("DELETE FROM attacks")
        context.store.rows("DELETE FROM scores WHERE answer NOT IN (SELECT answer FROM responses)")
        assert pipeline.pair(plan, context) == made
        assert drawn(pipeline.report(plan, context).read_text(encoding="utf-8")) == drawn(before)


def drawn(page: str) -> list[str]:
    return [line for line in page.splitlines() if "figcaption" in line or "funnel" in line]


GATES = [
    ("gate: {least: {accuracy: 0.0}, most: {failures: 0.9}}", None),
    ("gate: {least: {accuracy: 0.99}}", "accuracy is"),
    ("gate: {most: {failures: 0.01}}", "failures is"),
    ("gate: {most: {raised: 0.1}}", "raised (score rose after attack) has not been measured"),
    ("gate: {gold: nobody, least: {accuracy: 0.5}}", "no judge is called 'nobody'"),
]


@pytest.mark.parametrize(("gate", "reason"), GATES, ids=[str(case[1]) for case in GATES])
def test_a_gate_refuses_pairs_of_a_judge_below_its_bounds_with_the_reason(
    tmp_path: Path, gate: str, reason: str | None
) -> None:
    file = project(tmp_path, gate + "\nevaluate: {judges: [words]}\n")
    with pipeline.open_run(load(file)) as (plan, context):
        audit(plan, context, ["a"], "words")
        if reason is None:
            assert pipeline.pair(plan, context).pairs
            return
        with pytest.raises(InputError) as caught:
            pipeline.pair(plan, context)
        assert reason in str(caught.value)
        assert not context.store.rows("FROM pairs")


def test_a_gate_on_a_measure_with_parts_applies_to_each_part(tmp_path: Path) -> None:
    file = project(tmp_path, "gate: {most: {raised: 0.0}}\n")
    with pipeline.open_run(load(file)) as (plan, context):
        audit(plan, context, attacks=4)
        with pytest.raises(InputError) as caught:
            pipeline.pair(plan, context)
    assert str(caught.value).count("raised of") > 3


def test_an_unknown_measure_is_refused_with_its_place_in_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gate"):
        load(project(tmp_path, "gate: {least: {acuracy: 0.5}}\n"))


def test_every_measure_may_be_gated() -> None:
    assert set(Measured.__args__) == set(MEASURES)


def test_the_command_prints_a_table_writes_a_page_and_gives_json(tmp_path: Path) -> None:
    file = project(tmp_path)
    command = ["audit", str(file), "--quiet"]
    shown = rlaif(*command, "--gold", "words", "--attacks", "2")
    for words in ("Against words", "Cohen's kappa", "On its own", "Under attack", "prompts with a tie for best"):
        assert words in " ".join(shown.stdout.split())
    assert max(map(len, shown.stdout.split("\nPage:")[0].splitlines())) <= 80
    assert "a: accuracy " in shown.stdout
    page = (tmp_path / "out/audit.html").read_text(encoding="utf-8")
    assert "Against words" in page
    assert "default-src 'none'" in page
    assert rlaif("report", str(file), "--quiet").returncode == 0
    assert 'href="audit.html"' in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    given = rlaif(*command, "--stored", "--json")
    measures = {each["measure"] for each in json.loads(given.stdout)["judges"][0]["found"]}
    assert {"ties", "failures", "raised"} <= measures
    unknown = rlaif(*command, "--judge", "aa")
    assert (unknown.returncode, "no judge is called 'aa'" in unknown.stderr) == (2, True)


def test_names_on_the_page_are_text_and_nothing_else() -> None:
    evil = "<script>alert(1)</script>\u202e"
    page = render(Audit(evil, [Findings(evil, [Finding("raised", Estimate(0.5, 3, (0.1, 0.9)), evil)])]), evil)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page
