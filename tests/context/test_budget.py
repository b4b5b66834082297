"""The budget: a run stops at its cap with all that was begun kept, and goes on when the cap is raised."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import load
from rlaif.context.budget import Budget, Meter
from rlaif.context.pricing import Rate, rate, recorded_rate
from rlaif.context.spending import money, spent
from rlaif.core.errors import BudgetError, InputError
from rlaif.core.progress import Tally
from rlaif.store.store import Store
from tests.support.scripted_pipeline import go, project
from tests.support.servers import Reply, Request, chat, serve

PRICES = ["models.writer.price={input: 2, output: 8}", "models.first.price={input: 10, output: 40}"]


def total(file: Path, *overrides: str) -> tuple[int, float, dict[str, int]]:
    """Tokens, dollars, and replies by stage."""
    config = load(file, list(overrides))
    with Store(config.store_path, read_only=True) as store:
        rows = spent(store, config.pipeline)
    replies = {row.stage: row.replies for row in rows}
    return sum(row.tokens for row in rows), sum(row.usd or 0 for row in rows), replies


@pytest.mark.parametrize(
    "cap", [3_000, pytest.param(20_000, marks=pytest.mark.slow), pytest.param(40_000, marks=pytest.mark.slow)]
)
def test_a_token_cap_stops_the_run_and_a_higher_cap_continues_it(tmp_path: Path, cap: int) -> None:
    (tmp_path / "whole").mkdir()
    whole = project(tmp_path / "whole")
    go(whole)
    all_tokens, _, all_replies = total(whole)
    file = project(tmp_path / "capped")
    with pytest.raises(BudgetError, match="the same command: it continues from there") as caught:
        go(file, f"budget.tokens={cap}")
    assert caught.value.exit_code == 4
    tokens, _, replies = total(file)
    # A unit is about 300 tokens here, and two hundred are in flight at once: what they cost is known only afterwards.
    assert cap - 1_000 < tokens <= cap * 1.1 + 300
    with pytest.raises(BudgetError):
        go(file, f"budget.tokens={cap}")
    assert total(file)[2] == replies, "a second run at the same cap asks nothing"
    go(file, f"budget.tokens={all_tokens + 2_000}")
    assert total(file) == (all_tokens, 0.0, all_replies), "nothing was paid twice"
    pairs = [folder / "out/pairs/preference/train.jsonl" for folder in (tmp_path / "whole", tmp_path / "capped")]
    assert pairs[0].read_bytes() == pairs[1].read_bytes()


def test_a_cap_in_dollars_counts_each_model_at_its_price_over_all_runs(tmp_path: Path) -> None:
    file = project(tmp_path)
    with pytest.raises(BudgetError, match=r"of \$0\.2;"):
        go(file, *PRICES, "budget.usd=0.2")
    tokens, usd, _ = total(file, *PRICES)
    assert 0.18 < usd <= 0.22
    assert tokens > 0
    go(file, *PRICES, "budget.usd=99")
    assert total(file, *PRICES)[1] > 0.5


def test_a_cap_in_dollars_needs_every_price(tmp_path: Path) -> None:
    file = project(tmp_path)
    served = "models.first={kind: openai, model: nobody-knows, base_url: 'http://127.0.0.1:1/v1'}"
    with pytest.raises(InputError, match="needs the price of 'first'") as caught:
        pipeline.check(pipeline.resolve(load(file, [served, "budget.usd=1"])))
    assert "models.first.price" in caught.value.fix
    pipeline.check(pipeline.resolve(load(file, [served, "budget.tokens=1"])))
    with pytest.raises(InputError, match="give `usd`, `tokens` or both"):
        load(file, ["budget={}"])


@pytest.mark.fault("H12")
def test_a_server_that_counts_no_tokens_is_guessed_never_free(tmp_path: Path) -> None:
    def uncounted(request: Request) -> Reply:
        if "response_format" not in request.body:
            return chat(*["Twelve crates. " * 4] * request.body.get("n", 1))
        names = ("helpfulness", "faithfulness", "completeness")
        return chat(json.dumps({name: {"rationale": "fine", "score": 4} for name in names}))

    async def served() -> None:
        async with serve([uncounted]) as server:
            models = [
                f"models.{name}={{kind: openai, model: m, base_url: '{server.base_url}', price: {{input: 10, output: 10}}}}"
                for name in ("writer", "first")
            ]
            with pytest.raises(BudgetError):
                await asyncio.to_thread(go, file, *models, "judges.a.calls=together", "budget.usd=0.1")
            _, usd, replies = total(file, *models)
            assert 0.08 < usd < 0.12
            assert replies["generate"] == 60

    file = project(tmp_path)
    asyncio.run(served())


@given(begun=st.integers(0, 10**6), done=st.integers(0, 10**6), prompt=st.integers(0, 10**9), output=st.integers(0, 10**9))
def test_requests_in_flight_cost_the_mean_of_stored_ones(begun: int, done: int, prompt: int, output: int) -> None:
    done = min(done, begun)
    tally = Tally("x", done=done, prompt_tokens=prompt if done else 0, output_tokens=output if done else 0)
    meter = Meter(tally, Rate(1.0, 2.0, "file"), begun, guess=(100.0, 50.0))
    tokens, usd = meter.total()
    if done == begun and done and prompt and output:
        assert math.isclose(tokens, prompt + output)
        assert math.isclose(usd, (prompt + 2 * output) / 1e6)
    if not done:
        assert tokens == begun * 150
    assert meter.total(1)[0] >= tokens


def test_units_that_another_stage_hands_over_are_taken_on_after_the_stop(tmp_path: Path) -> None:
    """Otherwise the stage that hands them over would wait for ever."""
    config = load(project(tmp_path), ["budget.tokens=1000"])
    taken: list[int] = []

    async def units() -> AsyncIterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    async def begun() -> list[int]:
        with Store(config.store_path) as store:
            budget = Budget(config, partial(spent, store, config.pipeline))
            let = budget.within(
                units(), Tally("x"), config.pipeline.models["first"], lambda _: (1, 900.0, 200.0), handed=True
            )
            assert not isinstance(let, Iterable)
            found = [unit async for unit in let]
            assert budget.stopped
            return found

    assert asyncio.run(begun()) == []
    assert taken == list(range(50))


AMOUNTS: list[tuple[tuple[Any, ...], str]] = [
    ((None,), "unknown"),
    ((None, "unknown"), "unknown"),
    ((0.0, "local"), "local"),
    ((0.0, "file"), "$0.00"),
    ((0.00213,), "$0.0021"),
    ((1234.5,), "$1,234.50"),
    ((-2.5,), "-$2.50"),
    ((-0.0123,), "-$0.012"),
]


@pytest.mark.parametrize(("given", "shown"), AMOUNTS)
def test_an_unknown_cost_is_never_zero(given: tuple[Any, ...], shown: str) -> None:
    assert money(*given) == shown


def test_prices_come_from_the_file_then_from_the_machine_then_from_genai_prices(tmp_path: Path) -> None:
    pytest.importorskip("genai_prices")
    models = load(
        project(tmp_path),
        [
            "models.paid={kind: openai, model: gpt-4o-mini}",
            "models.dear={kind: openai, model: gpt-4o-mini, price: {input: 5, output: 6}}",
            "models.claude={kind: anthropic, model: claude-opus-4-5}",
            "models.own={kind: anthropic, model: m, price: {input: 5, output: 6, cached_input: 1}}",
            "models.odd={kind: openai, model: nobody-knows}",
            "models.near={kind: openai, model: gpt-4o-mini, base_url: 'http://127.0.0.1:8000/v1'}",
        ],
    ).pipeline.models
    found = {name: rate(model) for name, model in models.items()}
    assert found["writer"] == Rate(0, 0, "local")
    assert found["paid"] == Rate(0.15, 0.6, "genai-prices", cached_input=0.075, cache_write=0.15)
    assert found["dear"] == Rate(5, 6, "file")
    assert found["claude"] == Rate(5, 25, "genai-prices", cached_input=0.5, cache_write=6.25)
    assert found["own"] == Rate(5, 6, "file", cached_input=1, cache_write=6.25)
    assert found["odd"] is None
    assert found["near"] is None, "a server on this machine has no vendor's price"
    assert recorded_rate({"kind": "openai", "server": "https://x.example/v1", "model": "y"}, models) == ("y", None)
