"""Estimates: they name the requests that a run then sends, and their tokens are near those that it then uses."""

import asyncio
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rlaif import pipeline as run
from rlaif.config import load
from rlaif.config.resources import root
from rlaif.estimate import Plan, Range, plan, plan_audit, render
from rlaif.pipeline.rounds import chain
from rlaif.pipeline.stages.audit import audit
from tests.support.checkpoints import save_random
from tests.support.paths import SHARED
from tests.support.plans import asks, planned
from tests.support.scripted_pipeline import add, go, project
from tests.support.servers import Reply, Request, chat, serve


def shown(found: Plan) -> str:
    out = StringIO()
    render(found, Console(width=200, file=out))
    return out.getvalue()


def inside(value: float, within: Range, slack: float = 1.0) -> bool:
    return within.low / slack <= value <= within.high * slack


def test_a_run_sends_exactly_the_planned_requests(tmp_path: Path) -> None:
    file = project(tmp_path)
    before = planned(file, "judge.by=[a,b]")
    assert asks(before) == {"generate": 20, "judge a": 180, "judge b": 60}
    assert next(line for line in before.lines if line.stage == "generate").completions == 60
    assert asks(before) == go(file, "judge.by=[a,b]")
    assert planned(file, "judge.by=[a,b]").lines == []
    add(tmp_path, range(20, 25))
    assert asks(planned(file)) == {"generate": 5, "judge a": 45}
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(rubric.read_text().replace("Is every statement", "Is each statement"))
    assert asks(planned(file)) == {"generate": 5, "judge a": 45 + 60}


def test_a_plan_calls_no_model_and_writes_no_response(tmp_path: Path) -> None:
    served = ["models.writer={kind: openai, model: m, base_url: 'http://127.0.0.1:1/v1'}"]
    found = planned(project(tmp_path), *served)
    assert found.spent == []
    assert asks(found)["generate"] == 20
    assert found.lines[0].usd is None
    assert "unknown" in shown(found)
    assert "$0" not in shown(found)


def test_before_anything_is_measured_the_range_goes_up_to_max_tokens(tmp_path: Path) -> None:
    found = planned(project(tmp_path), "generate.max_tokens=200")
    generate = found.lines[0]
    assert generate.output_tokens.high == 60 * 200
    assert generate.output_tokens.low < generate.output_tokens.expected < generate.output_tokens.high
    assert generate.outputs_by == "max_tokens"
    assert "guessed from max_tokens" in shown(found)
    assert "estimated from characters" in shown(found)


def test_a_pilot_sends_live_requests_even_if_the_pipeline_uses_batches(tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, int], int, set[str]]:
        async with serve([chat("a fine answer", "a good answer")]) as server:
            served = f"models.writer={{kind: openai, model: m, base_url: {server.base_url}, mode: batch}}"
            sets = (served, "generate={model: writer, samples: 2, logprobs: false}")
            found = await asyncio.to_thread(planned, project(tmp_path, prompts=6), *sets, pilot=2)
            return asks(found), len(server.chats), {request.path.rpartition("/v1/")[2] for request in server.requests}

    found, chats, paths = asyncio.run(run())
    assert found["generate"] == 6 - 2
    assert chats == 2
    assert not paths & {"files", "batches"}


def test_a_pilot_measures_and_its_results_are_not_paid_for_twice(tmp_path: Path) -> None:
    file = project(tmp_path, prompts=60)
    found = planned(file, pilot=15)
    assert asks(found) == {"generate": 45, "judge a": 45 * 9}
    assert {row.stage: row.units for row in found.spent} == {"generate": 45, "judge a": 135}
    calls = go(file)
    assert calls == asks(found)
    after = {row.stage: row for row in planned(file).spent}
    for line, paid in zip(found.lines, found.spent, strict=True):
        prompt, output = (
            after[line.stage].prompt_tokens - paid.prompt_tokens,
            after[line.stage].output_tokens - paid.output_tokens,
        )
        assert abs(line.prompt_tokens.expected / prompt - 1) < 0.1, (line.stage, line.prompt_tokens, prompt)
        assert abs(line.output_tokens.expected / output - 1) < 0.25, (line.stage, line.output_tokens, output)
        assert inside(output, line.output_tokens)


def test_an_audit_sends_what_its_plan_estimates(tmp_path: Path) -> None:
    file = project(tmp_path)

    def audited(work: Callable[..., Any]) -> Any:
        with run.open_run(load(file)) as (resolved, context):
            return work(resolved, context, ["b"], limit=5, attacks=2)

    def paid() -> dict[str, int]:
        with run.open_run(load(file)) as (_, context):
            return {row["stage"]: row["calls"] for row in run.status(context.config, context.store)["work"] if row["calls"]}

    attacks = 2 * len(list((root() / "prompts/attack").glob("*.jinja")))
    before = asks(audited(plan_audit))
    assert before == {"generate": 5, "judge b": 15, "judge b, attacked, at most": attacks}
    assert paid() == {}
    audited(audit)
    assert paid()["generate"] == 5
    # An attack that does not change an answer sends no request, and equal texts are judged once.
    assert 15 + attacks - 4 <= paid()["judge b"] <= 15 + attacks
    assert sum(asks(audited(plan_audit)).values()) <= 4, "altered answers that were equal to another"


def test_tokens_are_counted_by_the_models_tokenizer_if_it_is_on_this_machine(tmp_path: Path) -> None:
    save_random(tmp_path / "checkpoint", context=400)
    file = project(tmp_path, prompts=3)
    found = planned(
        file,
        f"models.writer={{kind: transformers, path: {tmp_path / 'checkpoint'}}}",
        "judges={}",
        "judge.by=[]",
        "pair=null",
    )
    # The template of this checkpoint adds "<s>", a newline and ": "; its tokenizer has a token for each byte.
    prompt = "Sum up report 0.\n\nKeep to this document:\n\nCrates 0."
    assert found.lines[0].prompt_tokens.expected == 3 * (len(prompt) + 4)
    assert found.lines[0].prompts_by == "tokenizer"
    assert found.lines[0].price == "local"


def test_the_evaluation_of_a_model_that_is_not_trained_yet_is_planned(tmp_path: Path) -> None:
    save_random(tmp_path / "checkpoint", context=400)
    file = project(tmp_path, prompts=40)
    writer = f"models.writer={{kind: transformers, path: {tmp_path / 'checkpoint'}}}"
    found = planned(file, writer, "train={}", "evaluate={judges: [b], samples: 2}", "collect.held_out=0.5")
    with run.open_run(load(file)) as (_, context):
        held_out = context.store.rows("SELECT count(*) AS n FROM current_prompts WHERE bucket < 5000")[0]["n"]
    requests = asks(found)
    assert requests["trained: generate"] == held_out
    assert requests["trained: judge b"] == requests["base: judge b"] == 2 * held_out
    assert "base: generate" not in requests


def test_extra_samples_for_a_target_are_planned_up_to_the_bound(tmp_path: Path) -> None:
    file, bound = project(tmp_path), "pair.max_samples=5"
    assert asks(planned(file, bound)) == {"generate": 20, "judge a": 180}
    found = planned(file, "pair.target=10", bound)
    # Two more samples of each of 20 prompts, three judgements a response.
    pending = {"generate": 20, "judge a": 180}
    assert asks(found) == pending | {
        f"{stage} for the target, at most": most for stage, most in (("generate", 20), ("judge a", 120))
    }
    more = [line for line in found.lines if line.stage.endswith("at most")]
    assert more[0].completions == 40
    assert all(line.output_tokens.expected == 0 < line.output_tokens.high for line in more)
    assert planned(file, "pair.target=10", "pair.max_samples=3").lines == planned(file).lines


def test_a_plan_states_whether_the_budget_suffices(tmp_path: Path) -> None:
    file = project(tmp_path)
    prices = ["models.writer.price={input: 2, output: 8}", "models.first.price={input: 10, output: 40}"]
    cases = {99: "enough, even at the high end", 5: "enough as expected", 0.01: "not enough even at the low end"}
    for cap, verdict in cases.items():
        assert verdict in shown(planned(file, *prices, f"budget.usd={cap}")), cap
    assert "Budget of 1,000 tokens: not enough" in shown(planned(file, "budget.tokens=1000"))


def scores(request: Request) -> Reply:
    names = ("helpfulness", "faithfulness", "completeness")
    if "response_format" in request.body:
        text = json.dumps(
            {
                name: {
                    "rationale": "as the text says",
                    "score": 3 + sum(request.body["messages"][0]["content"].encode()) % 3,
                }
                for name in names
            }
        )
        return chat(text, usage={"prompt_tokens": 900, "completion_tokens": 60})
    number = request.body.get("n", 1)
    return chat(
        *[f"Answer{' at length' * place}." for place in range(number)],
        usage={"prompt_tokens": 200, "completion_tokens": 30 * number},
    )


SHIPPED = sorted(path.name for path in (root() / "pipelines").glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_pipeline_loads_checks_and_plans(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    overrides = [f"out={tmp_path}"]
    if name == "instructions.yaml":
        overrides.append("models.smollm.path=tiny:writer")
    if name == "qa_feedback.yaml":
        data = SHARED / "qa_feedback.jsonl"
        if not data.exists():
            pytest.skip("the data of this pipeline is not part of the repository")
        overrides.append(f"collect.sources.0.path={data}")
    with run.open_run(load(root() / "pipelines" / name, overrides)) as (resolved, context):
        run.check(resolved)
        found = plan(resolved, context)
    assert found.lines or name == "qa_feedback.yaml"
    assert not found.unknown


@pytest.mark.parametrize("name", ["openai.yaml", "mixed.yaml"])
def test_pipelines_for_real_work_run_to_pairs_against_a_server(tmp_path: Path, name: str) -> None:
    save_random(tmp_path / "checkpoint", context=2000)

    async def served() -> dict[str, Any]:
        async with serve([scores]) as server:
            overrides = [f"out={tmp_path / 'out'}", f"models.critic.base_url={server.base_url}"]
            if name == "openai.yaml":
                overrides.append(f"models.writer.base_url={server.base_url}")
            else:
                own = f"models.writer={{kind: transformers, path: {tmp_path / 'checkpoint'}}}"
                overrides += [own, "generate.max_tokens=200", "collect.sources.0.limit=4", "train=null", "evaluate=null"]
            file = root() / "pipelines" / name
            await asyncio.to_thread(go, file, *overrides)
            with run.open_run(load(file, overrides)) as (_, context):
                spent = {row["stage"]: row["usd"] for row in run.status(context.config, context.store)["spent"]}
                return spent | {"pairs": context.store.rows("SELECT count(*) AS n FROM pairs")[0]["n"]}

    found = asyncio.run(served())
    assert found["judge critic"] > 0
    assert found["pairs"] > 0


def test_later_rounds_are_planned_as_whole_rounds_that_are_uncertain(tmp_path: Path) -> None:
    config = load(root() / "pipelines/rounds.yaml", [f"out={tmp_path / 'out'}"])
    with run.open_run(config) as (resolved, context):
        lines = {line.stage: line for line in plan(resolved, context).lines}
        assert lines["generate, 2 more rounds, at most"].requests + lines["generate"].requests == 3 * 202 - 12
        later = lines["judge tiny, 2 more rounds, at most"]
        assert (later.prompt_tokens.low, later.requests) == (0.0, later.completions)
        made = {"chain": chain(config.pipeline), "pairs": 1}
        context.store.append("rounds", [made | {"number": 1}, made | {"number": 2}])
        assert "generate, 1 more round, at most" in asks(plan(resolved, context))
        context.store.append("rounds", [made | {"number": 3, "stopped": "no gain"}])
        assert not any("more round" in stage for stage in asks(plan(resolved, context)))


@pytest.mark.parametrize(("steps", "answers"), [("num_train_epochs: 2", 80), ("max_steps: 3", 24)])
def test_requests_to_judges_and_reward_models_during_training_are_planned(tmp_path: Path, steps: str, answers: int) -> None:
    save_random(tmp_path / "small", context=128)
    rewards = "{method: grpo, model: small, rewards: [{judge: a}, {judge: checks}, {model: rm}], options: {num_generations: 2, %s}}"
    found = planned(
        project(tmp_path),
        f"models.small={{kind: transformers, path: {tmp_path / 'small'}, device: cpu}}",
        "collect.held_out=0",
        "models.rm={kind: openai, model: m, base_url: 'http://127.0.0.1:1/v1', price: {input: 1, output: 9}}",
        "judges.checks={rubric: rubrics/mechanical.yaml}",
        f"train={rewards % steps}",
    )
    lines = {line.stage: line for line in found.lines}
    judge, reward = lines["train: judge a, at most"], lines["train: reward rm"]
    assert (judge.requests, judge.prompt_tokens.low) == (3 * answers, 0.0)
    assert (reward.requests, reward.output_tokens.high) == (answers, 0.0)
    assert reward.prompt_tokens.expected > answers
    assert reward.usd
    assert reward.usd.expected == pytest.approx(reward.prompt_tokens.expected / 1e6)
