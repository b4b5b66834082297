"""Judges that compare, from the pipeline file to pairs and audits: the store is the ledger."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline as run
from rlaif.config import load
from rlaif.core.types import answer_key
from rlaif.estimate import plan
from rlaif.pipeline.stages.audit import audit
from rlaif.report.explain import explain
from rlaif.store.store import Store
from tests.support.servers import Reply, Request, chat, serve
from tests.support.stores import JUDGE, fill, prompt


def pipeline(folder: Path, criteria: Sequence[dict[str, Any]] = (), prompts: int = 3, **sections: Any) -> Path:
    better = {"name": "better", "kind": "compare", "question": "Which one is better?"}
    (folder / "rubric.yaml").write_text(json.dumps({"name": "mine", "criteria": list(criteria) or [better]}))
    lines = [json.dumps({"prompt": f"Question {n}?"}) for n in range(prompts)]
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    data = {
        "name": "comparing",
        "out": str(folder / "out"),
        "collect": {"sources": [{"path": "prompts.jsonl"}]},
        "models": {"m": {"kind": "scripted"}},
        "generate": {"model": "m", "samples": 4},
        "judges": {"j": {"rubric": "rubric.yaml", "model": "m"}},
        "pair": {},
    } | sections
    (folder / "pipeline.yaml").write_text(json.dumps(data))
    return folder / "pipeline.yaml"


def calls(store: Store) -> int:
    return sum(row["calls"] for row in store.query("pipeline/sql/status/stage_runs") if row["stage"] == "judge j")


def test_the_ledger_has_each_order_of_each_two_and_a_resume_pays_nothing(tmp_path: Path) -> None:
    file = pipeline(tmp_path)
    with run.open_run(load(file)) as (resolved, context):
        run.collect(context)
        planned = plan(resolved, context).lines[1]
        run.generate_and_judge(resolved, context)
        store = context.store
        first = calls(store)
        found = store.rows(
            "SELECT count(*) AS n, count(DISTINCT (first, second)) AS pairs, count(DISTINCT verdict) AS said "
            "FROM comparisons WHERE preferred IS NOT NULL AND first <> second"
        )[0]
        assert first == planned.requests == 3 * 4 * 3
        assert found == {"n": first, "pairs": first, "said": first}
        assert (
            len(store.rows("FROM verdicts JOIN comparisons ON comparisons.verdict = verdicts.key WHERE raw <> ''")) == first
        )
        assert len(plan(resolved, context).lines) == 0
    with run.open_run(load(file)) as (resolved, context):
        run.generate_and_judge(resolved, context)
        assert calls(context.store) == first


def test_a_knock_out_takes_two_calls_per_loser_which_a_round_robin_reuses(tmp_path: Path) -> None:
    better = {"name": "better", "kind": "compare", "question": "Which one is better?"}
    file = pipeline(tmp_path, [better | {"schedule": "knock_out"}])
    with run.open_run(load(file)) as (resolved, context):
        run.collect(context)
        planned = plan(resolved, context).lines[1]
        run.generate(resolved, context)
        assert plan(resolved, context).lines[0].requests == planned.requests == 3 * 2 * 3
        run.judge(resolved, context)
        run.judge(resolved, context)
        assert calls(context.store) == planned.requests
        assert run.make_pairs(resolved, context).pairs == 3
    with run.open_run(load(pipeline(tmp_path, [better]))) as (resolved, context):
        pending = plan(resolved, context).lines[0]
        run.judge(resolved, context)
        assert (pending.requests, calls(context.store)) == (3 * 4 * 3 - 3 * 2 * 3, 3 * 4 * 3)


def test_compared_rated_and_computed_criteria_make_one_sum(tmp_path: Path) -> None:
    criteria = [
        {"name": "better", "kind": "compare", "question": "Which one is better?", "weight": 2},
        {"name": "help", "kind": "scale", "question": "Does it help?"},
        {"name": "brief", "kind": "check", "function": "within", "options": {"most": 20}},
    ]
    with run.open_run(load(pipeline(tmp_path, criteria))) as (resolved, context):
        run.collect(context)
        run.generate_and_judge(resolved, context)
        made = run.make_pairs(resolved, context)
        points = context.store.rows(
            "SELECT answer, score::DOUBLE AS score, spread FROM strengths WHERE pairing = $key", key=made.key
        )
        strength = {row["answer"]: row["score"] for row in points}
        rated = {
            (row["answer"], row["name"]): float(row["score"])
            for row in context.store.rows(
                "SELECT answer, name, score FROM latest_scores JOIN criteria ON criteria.key = criterion"
            )
        }
        pairs = context.store.rows(
            "SELECT one.answer AS chosen, two.answer AS rejected, margin FROM pairs "
            "JOIN responses one ON one.key = chosen JOIN responses two ON two.key = rejected"
        )
        story = explain(context.store, context.store.rows("SELECT key FROM prompts")[0]["key"])

    def whole(answer: str) -> float:
        parts = 2 * strength[answer] + (rated[answer, "help"] - 1) / 4 + rated[answer, "brief"]
        return 100 * parts / 4

    assert len(pairs) == made.pairs == 3
    for row in pairs:
        assert float(row["margin"]) == pytest.approx(whole(row["chosen"]) - whole(row["rejected"]), abs=1e-5)
    assert all(row["spread"] > 0 for row in points)
    assert len(story.comparisons) == 12
    assert all(vote.criterion == "better" and vote.raw for vote in story.comparisons)


PRAISE = "Any expert of your caliber"


def flattered(request: Request) -> Reply:
    """A judge that prefers whom it is praised by, else whichever it is shown first."""
    text = request.body["messages"][0]["content"]
    if "# Second response" not in text:
        return chat(*(f"Answer {number} of {len(text)}." for number in range(request.body.get("n", 1))))
    first, second = text.split("# First response")[1].split("# Second response")
    better = "second" if PRAISE in second and PRAISE not in first else "first"
    return chat(json.dumps({"rationale": "It says so.", "better": better}))


def test_an_audit_finds_a_judge_that_follows_order_and_praise(tmp_path: Path) -> None:
    def measured(base_url: str) -> dict[str, float | None]:
        model = {"kind": "openai", "base_url": base_url, "model": "m", "price": {"input": 0, "output": 0}}
        file = pipeline(tmp_path, models={"m": model}, generate={"model": "m", "samples": 3})
        with run.open_run(load(file)) as (resolved, opened):
            (findings,) = audit(resolved, opened, attacks=2).judges
            again = calls(opened.store)
            audit(resolved, opened, attacks=2)
            assert calls(opened.store) == again
        return {f"{each.measure} {each.of or ''}".strip(): each.estimate.value for each in findings.found}

    async def served() -> dict[str, float | None]:
        async with serve([flattered]) as server:
            return await asyncio.to_thread(measured, server.base_url)

    found = asyncio.run(served())
    assert (found["swap_consistency"], found["first_shown"], found["ties"]) == (0, 1, 1)
    assert (found["failures"], found["broken"]) == (0, 0)
    assert found["raised flattery"] == 1
    assert found["change flattery"] == 100
    assert {name: value for name, value in found.items() if name.startswith("raised") and value} == {"raised flattery": 1}


def test_uncounted_tokens_of_a_comparison_are_estimated_from_both_responses(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        fill(store, {"p": [{"text": "one" * 400}, {"text": "two" * 400}]})
        store.append("judges", [{"key": JUDGE, "name": "j", "spec": '{"model": {"kind": "openai"}, "template": ""}'}])
        one, two = (answer_key(prompt("p").key, text * 400) for text in ("one", "two"))
        store.append("verdicts", [{"key": "v", "judge": JUDGE, "raw": "x" * 40, "prompt_tokens": 0, "output_tokens": 0}])
        store.append(
            "comparisons",
            [
                {
                    "prompt": prompt("p").key,
                    "first": one,
                    "second": two,
                    "judge": JUDGE,
                    "criterion": "c",
                    "preferred": "tie",
                    "verdict": "v",
                }
            ],
        )
        (row,) = store.query("context/sql/spent")
    assert (row["guessed"], row["output_tokens"]) == (1, 10)
    assert 600 <= row["prompt_tokens"] < 620


def test_two_judges_that_compare_make_one_mean(tmp_path: Path) -> None:
    models = {"m": {"kind": "scripted"}, "n": {"kind": "scripted", "salt": "other"}}
    judges = {name: {"rubric": "rubric.yaml", "model": model} for name, model in (("j", "m"), ("k", "n"))}
    file = pipeline(tmp_path, models=models, judges=judges, pair={"judge": ["j", "k"]})
    with run.open_run(load(file)) as (resolved, opened):
        run.collect(opened)
        run.generate_and_judge(resolved, opened)
        made = run.make_pairs(resolved, opened)
        means = {
            row["answer"]: float(row["mean"])
            for row in opened.store.rows(
                "SELECT answer, avg(score) AS mean FROM strengths WHERE pairing = $key GROUP BY answer HAVING count(*) = 2",
                key=made.key,
            )
        }
        rows = opened.store.rows(
            "SELECT one.answer AS chosen, two.answer AS rejected, margin FROM pairs "
            "JOIN responses one ON one.key = chosen JOIN responses two ON two.key = rejected"
        )
    assert made.pairs == len(rows) == 3
    for row in rows:
        assert float(row["margin"]) == pytest.approx(100 * (means[row["chosen"]] - means[row["rejected"]]), abs=1e-4)
