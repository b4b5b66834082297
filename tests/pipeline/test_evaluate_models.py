"""The whole evaluation: several models, several judges, a task, and how far checkpoints are apart."""

import io
import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rlaif import pipeline
from rlaif.cli import main
from rlaif.config import load
from rlaif.core.errors import BudgetError, InputError
from rlaif.estimate import plan
from rlaif.evaluation import Evaluation, render
from rlaif.store.store import Row, Store
from tests.support.evaluated_models import evaluated, project


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation, list[Row]]:
    folder = tmp_path_factory.mktemp("contest")
    return folder, *evaluated(project(folder))


def test_other_models_are_compared_by_every_judge_on_held_out_prompts_and_on_tasks(contest: Any) -> None:
    folder, found, _ = contest
    assert [(each.judge, each.base.name, each.trained.name) for each in found.matches] == [
        ("a", "writer", "other"),
        ("b", "writer", "other"),
    ]
    assert all((each.prompts, each.base.responses, each.trained.responses) == (4, 8, 8) for each in found.matches)
    assert [(each.model, each.judge, each.other, each.prompts) for each in found.gaps] == [("other", "a", "b", 4)]
    assert [(each.model, each.texts) for each in found.texts] == [("writer", 8), ("other", 8)]
    assert all(each.within and each.within.texts == 8 for each in found.texts)
    (task,) = found.tasks
    assert (task.task, task.matches[0].prompts, task.matches[0].criteria[0].name) == ("brevity", 3, "brief")
    assert (found.divergences, found.harness) == ([], [])
    with Store(folder / "out/store.duckdb", read_only=True) as store:
        assert store.rows("SELECT count(*) AS n FROM current_prompts") == [{"n": 20}]


def test_an_evaluation_sends_its_requests_once_and_prints_json(
    contest: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found, work = contest
    monkeypatch.setattr(sys, "argv", ["rlaif", "evaluate", str(folder / "contest.yaml"), "--json", "--quiet"])
    with pytest.raises(SystemExit):
        main()
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(asdict(found)))
    assert set(told) == {"matches", "gaps", "texts", "divergences", "tasks", "harness", "curve"}
    assert told["matches"][0]["length_controlled"] is None, "of four prompts"
    with Store(folder / "out/store.duckdb", read_only=True) as store:
        again = store.rows("SELECT stage, calls FROM stage_runs WHERE calls > 0")
    assert again == [row for row in work if row["calls"]]


def test_an_evaluation_is_one_table_and_a_part_of_the_report(contest: Any) -> None:
    folder, found, _ = contest
    with pipeline.open_run(load(folder / "contest.yaml")) as (resolved, context):
        page = pipeline.report(resolved, context, found).read_text(encoding="utf-8")
    for part in ("Is the gain real?", "Text statistics", "brevity", "Wins at equal lengths"):
        assert part in page
    console = Console(file=io.StringIO(), width=140)
    render(found, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in (
        "judged by a, on 4 prompts",
        "judged by b",
        "task brevity, on 3 prompts",
        "wins at equal lengths",
        "distinct",
    ):
        assert part in text


def test_a_judge_that_compares_sees_each_model_beside_the_base_in_both_orders(tmp_path: Path) -> None:
    (tmp_path / "versus.yaml").write_text(
        "name: versus\ncriteria: [{name: overall, kind: compare, question: Which one helps more}]"
    )
    config = project(
        tmp_path,
        "judges.b.rubric=versus.yaml",
        "evaluate.judges=[b]",
        "evaluate.samples=2",
        "evaluate.tasks=[]",
        "models.third={kind: scripted, salt: t}",
        "evaluate.models=[other, third]",
    )
    with pipeline.open_run(config) as (resolved, context):
        planned = sum(line.requests for line in plan(resolved, context).lines if line.stage.endswith("judge b"))
    found, work = evaluated(config)
    duels = [match.head_to_head for match in found.matches]
    assert [(match.trained.name, match.prompts, match.gain) for match in found.matches] == [
        ("other", 4, None),
        ("third", 4, None),
    ]
    assert all(duel and (duel.prompts, duel.both) == (4, 16) for duel in duels)
    assert [match.win_rate for match in found.matches] == [duel and duel.win_rate for duel in duels]
    # Two models, four prompts, two samples by two, two orders: no model is compared with another, or with itself.
    assert sum(row["calls"] for row in work if row["stage"] == "judge b") == planned == 64


def test_only_the_responses_that_are_compared_are_judged(tmp_path: Path) -> None:
    config = project(tmp_path, "generate.samples=5", "evaluate.judges=[b]", "evaluate.samples=2", "evaluate.tasks=[]")
    with pipeline.open_run(config) as (resolved, context):
        pipeline.collect(context)
        pipeline.generate(resolved, context)
        pipeline.evaluate(resolved, context)
        work = context.store.rows("SELECT sum(calls) AS calls FROM stage_runs WHERE stage = 'judge b'")
    # Four prompts, two models, two responses each.
    assert work == [{"calls": 16}]


def test_the_plan_counts_every_model(tmp_path: Path) -> None:
    with pipeline.open_run(project(tmp_path, "evaluate.tasks=[]")) as (resolved, context):
        lines = {line.stage: line.requests for line in plan(resolved, context).lines}
    assert lines["other: generate"] == 4
    assert lines["other: judge a"] == lines["base: judge b"] == 8


def test_an_evaluation_without_models_sends_nothing(tmp_path: Path) -> None:
    for sets in (["evaluate.models=[]"], ["evaluate=null"]):
        found, work = evaluated(project(tmp_path, *sets))
        assert (found, [row for row in work if row["calls"]]) == (Evaluation(), [])


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["evaluate.models=[othr]"], "no model is called 'othr'"),
        (["evaluate.models=[other, writer]"], "'writer' is the base, or named twice"),
        (["evaluate.tasks.0.path=none.jsonl"], "none.jsonl"),
        (["evaluate.tasks.0.rubric=rubric.yaml"], "criteria that need a model"),
        (
            [
                "evaluate.models=[nowhere/at/all]",
                "generate.model=local",
                "models.local={kind: transformers, path: 'tiny:writer'}",
            ],
            "nowhere",
        ),
    ],
)
def test_a_mistake_is_reported_before_the_first_request(tmp_path: Path, sets: list[str], told: str) -> None:
    with pytest.raises(InputError) as error:
        pipeline.check(pipeline.resolve(project(tmp_path, *sets)))
    assert told in str(error.value)
    assert "contest.yaml" in str(error.value)


@pytest.mark.skipif(find_spec("lm_eval") is not None, reason="it is installed")
def test_a_harness_that_is_not_installed_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pip install 'rlaif\[harness\]'"):
        pipeline.check(pipeline.resolve(project(tmp_path, "evaluate.harness=[arc_easy]")))


def test_tasks_are_planned_and_what_they_spend_counts_for_the_same_budget(tmp_path: Path) -> None:
    config = project(tmp_path)
    with pipeline.open_run(config) as (resolved, context):
        lines = {line.stage: line.completions for line in plan(resolved, context).lines}
    on_tasks = {stage: count for stage, count in lines.items() if "task" in stage}
    assert on_tasks == {"base: task brevity": 6, "other: task brevity": 6}
    evaluated(config)
    with pipeline.open_run(config) as (resolved, context):
        assert plan(resolved, context).lines[0].stage == "generate", "what an evaluation needed of the rest is there"
        assert not any("task" in line.stage for line in plan(resolved, context).lines)
        spent = pipeline.status(config, context.store)["spent"]
        paid = sum(row["prompt_tokens"] + row["output_tokens"] for row in spent)
        assert [row["replies"] for row in spent if row["stage"] == "task brevity: generate"] == [6, 6]
        assert "task brevity: generate" in pipeline.report(resolved, context).read_text(encoding="utf-8")
    # One more sample of each would fit if it were not for what the tasks have cost.
    with pytest.raises(BudgetError, match=f"{paid:,} of {paid:,} tokens"):
        evaluated(project(tmp_path, "evaluate.samples=3", f"budget.tokens={paid}"))


def test_a_task_stops_where_the_rest_of_the_pipeline_has_spent_the_budget(tmp_path: Path) -> None:
    evaluated(project(tmp_path, "evaluate.tasks=[]"))
    capped = project(tmp_path, "budget.tokens=1000")
    with pytest.raises(BudgetError), pipeline.open_run(capped) as (resolved, context):
        pipeline.evaluate(resolved, context)
    with Store(capped.task_folder("brevity") / "store.duckdb", read_only=True) as store:
        assert store.rows("SELECT count(*) AS n FROM responses") == [{"n": 0}]
