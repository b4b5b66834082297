"""What is asked beside responses and judgements is counted: for what was spent, and for the budget."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from rlaif import pipeline
from rlaif.config import OpenAIModel, Train, load
from rlaif.context.metering import MeteredModel
from rlaif.context.spending import spent
from rlaif.core.errors import BudgetError, InputError
from rlaif.models.base import ChatRequest
from rlaif.models.registry import open_model
from rlaif.pipeline.online_rewards import OnlineRewards
from rlaif.store.store import Store
from tests.support.servers import Reply, classified, reply, serve
from tests.support.stores import context

# Eight characters: two tokens, where nobody counts them.
ASK = ChatRequest([{"role": "user", "content": "12345678"}])
CASES: dict[str, tuple[Reply, int, int]] = {
    "counted by the server": (classified(0.5, tokens=7), 21, 0),
    "counted by nobody": (reply({"data": [{"probs": [0.5]}]}), 6, 3),
}


@pytest.mark.parametrize("name", CASES)
def test_replies_beside_units_are_spent_and_end_the_budget(name: str, tmp_path: Path) -> None:
    answer, tokens, guessed = CASES[name]
    model = {"kind": "openai", "model": "m", "price": {"input": 3, "output": 0}}

    async def work(store: Store) -> None:
        async with serve([answer]) as server:
            config = OpenAIModel.model_validate(model | {"base_url": server.base_url})
            here = context(store, tmp_path, models={"rm": config.model_dump()}, budget={"tokens": tokens - 1})
            async with (
                open_model(config, rewards=True) as opened,
                MeteredModel(here, opened, config, "train: reward rm") as aside,
            ):
                await aside.complete(ASK)
                here.budget.check()
                await asyncio.gather(aside.complete(ASK), aside.complete(ASK))
                with pytest.raises(BudgetError):
                    here.budget.check()
            (paid,) = spent(store, here.config.pipeline)
        assert (paid.stage, paid.model, paid.replies, paid.units) == ("train: reward rm", "rm", 3, 0)
        assert (paid.prompt_tokens, paid.output_tokens, paid.guessed) == (tokens, 0, guessed)
        assert paid.usd == pytest.approx(tokens * 3 / 1e6)

    with Store(tmp_path / "store.duckdb") as store:
        asyncio.run(work(store))


PIPELINE = """
name: rewards
out: OUT
models:
  writer: {kind: scripted}
  rm: {kind: openai, model: m, base_url: "URL"}
collect: {sources: [{path: prompts.jsonl}]}
generate: {model: writer}
budget: {usd: 1}
"""
TRAIN: dict[str, Any] = {"method": "rloo", "rewards": [{"model": "rm"}]}


def written(folder: Path, url: str = "http://127.0.0.1:1/v1") -> Path:
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Why {n}?"}) + "\n" for n in range(2)))
    (folder / "p.yaml").write_text(PIPELINE.replace("URL", url).replace("OUT", str(folder / "out")))
    return folder / "p.yaml"


def test_training_requests_to_a_served_reward_model_count_as_spending(tmp_path: Path) -> None:
    def rewards(file: Path) -> tuple[list[float | None], list[int]]:
        with pipeline.open_run(load(file, ["models.rm.price={input: 1, output: 0}"])) as (plan, here):
            pipeline.collect(here)
            answers = [[{"role": "assistant", "content": text}] for text in ("a", "b")]
            online_rewards = OnlineRewards(plan, here, Train.model_validate(TRAIN))
            with online_rewards.open({}) as score:
                given = score(
                    [row["prompt"] for row in online_rewards.rows], answers, place=[0, 1], log_metric=lambda *_: None
                )
            return given, [row.prompt_tokens for row in spent(here.store, here.config.pipeline)]

    async def work() -> tuple[list[float | None], list[int]]:
        async with serve([classified(0.5, tokens=7)]) as server:
            return await asyncio.to_thread(rewards, written(tmp_path, server.base_url))

    assert asyncio.run(work()) == ([0.5, 0.5], [14])


def test_a_cap_in_dollars_needs_the_price_of_a_reward_model_too(tmp_path: Path) -> None:
    config = load(
        written(tmp_path),
        [f"train={json.dumps(TRAIN)}", "generate={model: own}", "models.own={kind: transformers, path: 'tiny:writer'}"],
    )
    with pytest.raises(InputError, match="the price of 'rm', which is unknown"):
        pipeline.check(pipeline.resolve(config))
