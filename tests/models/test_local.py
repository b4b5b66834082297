import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.config import TransformersModel
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Message
from rlaif.models.base import ChatRequest, Completion, Model, Sampling
from rlaif.models.local.batching import Draw, Settings, batches, output_limit
from rlaif.models.local.engine import Engine, load
from rlaif.models.local.loader import Loaded
from rlaif.models.local.sampler import Sampler, nucleus
from rlaif.models.registry import open_model
from tests.support.checkpoints import save_random


@pytest.fixture(scope="module", autouse=True)
def two_cores() -> Iterator[None]:
    """Two lanes on any machine, so that batches are computed side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("checkpoint") / "random")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return load(TransformersModel(kind="transformers", path=str(folder)), stopped=lambda: False)


def user(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


def with_model(folder: Path, use: Callable[[Model], Any], **options: Any) -> Any:
    async def run() -> Any:
        async with open_model(TransformersModel(kind="transformers", path=str(folder), **options)) as model:
            return await use(model)

    return asyncio.run(run())


def alone(folder: Path, ask: ChatRequest) -> list[Completion]:
    found: list[Completion] = with_model(folder, lambda model: model.complete(ask))
    return found


def all_at_once(folder: Path, asks: list[ChatRequest], **options: Any) -> list[Any]:
    async def use(model: Model) -> list[Any]:
        return await asyncio.gather(*(model.complete(ask) for ask in asks), return_exceptions=True)

    found: list[Any] = with_model(folder, use, **options)
    return found


SHORT = Sampling(temperature=1.0, max_tokens=12)


def test_a_sample_is_the_same_alone_and_in_any_batch(folder: Path) -> None:
    asks = [ChatRequest(user("x" * (1 + 7 * place % 40)), SHORT, seeds=(place, place + 100)) for place in range(12)]
    together = all_at_once(folder, asks, batch=5)
    assert len({each.text for found in together for each in found}) > 12
    for place in (0, 5, 11):
        again = alone(folder, ChatRequest(asks[place].messages, SHORT, seeds=(place + 100,)))
        assert again[0].text == together[place][1].text


def test_n_samples_differ_and_the_prompt_counts_once(folder: Path) -> None:
    found = alone(folder, ChatRequest(user("abc"), SHORT, seeds=(1, 2, 3, 1)))
    assert len({each.text for each in found}) == 3
    assert found[0].text == found[3].text
    # bos, a, b, c, newline, colon, space
    assert [each.prompt_tokens for each in found] == [7, 0, 0, 0]


def test_the_librarys_generate_gives_the_same_samples(engine: Engine) -> None:
    settings = Settings(1.0, 1.0, 60, None)
    draws = [Draw(engine.encode(user("x" * (seed % 3))), seed, settings) for seed in range(24)]
    found = engine.complete(draws)
    sampler = Sampler(settings, range(24), device=torch.device("cpu"), stopped=lambda: False)
    with torch.inference_mode():
        engine._generate(draws, sampler)
    assert [engine._text(engine._output(row[:60])) for row in sampler.chosen] == [each.text for each in found]
    assert len({each.output_tokens for each in found}) > 1


def test_greedy_does_not_depend_on_the_seed(folder: Path) -> None:
    first, second = alone(folder, ChatRequest(user("abc"), Sampling(temperature=0.0, max_tokens=8), seeds=(1, 2)))
    assert first.text == second.text


def test_log_probabilities_are_the_models_own_before_temperature(folder: Path, engine: Engine) -> None:
    (found,) = alone(folder, ChatRequest(user("abc"), Sampling(0.3, 0.9, 10), seeds=(4,), top_logprobs=3))
    prompt = list(engine.encode(user("abc")))
    assert "".join(token.text for token in found.tokens) == found.text
    assert found.output_tokens == len(found.tokens)
    assert found.logprob == pytest.approx(sum(token.logprob for token in found.tokens))
    with torch.inference_mode():
        for token in found.tokens:
            expected = torch.log_softmax(engine._model(torch.tensor([prompt])).logits[0, -1].float(), -1)
            best = expected.topk(3)
            assert [value for _, value in token.top[:3]] == pytest.approx(best.values.tolist(), abs=1e-4)
            chosen = int((expected - token.logprob).abs().argmin())
            assert float(expected[chosen]) == pytest.approx(token.logprob, abs=1e-4)
            prompt.append(chosen)


def test_alternatives_are_sorted_and_hold_the_chosen_token(folder: Path) -> None:
    found = alone(folder, ChatRequest(user("abc"), Sampling(5.0, 1.0, 20), seeds=(1, 2, 3), top_logprobs=2))
    for token in (token for each in found for token in each.tokens):
        values = [value for _, value in token.top]
        assert values == sorted(values, reverse=True)
        assert 2 <= len(values) <= 3
        assert token.logprob in values


def test_log_probabilities_without_alternatives(folder: Path) -> None:
    (found,) = alone(folder, ChatRequest(user("abc"), SHORT, top_logprobs=0))
    assert found.logprob is not None
    assert all(token.top == () for token in found.tokens)
    assert alone(folder, ChatRequest(user("abc"), SHORT))[0].logprob is None


def test_finish_says_whether_the_model_ended_or_was_cut(folder: Path) -> None:
    found = alone(folder, ChatRequest(user("abc"), Sampling(1.0, 1.0, 60), seeds=tuple(range(40)), top_logprobs=0))
    ended = [each for each in found if each.finish == "stop"]
    cut = [each for each in found if each.finish == "length"]
    assert ended
    assert cut
    assert all(each.output_tokens == 60 for each in cut)
    # The end token counts, but is no part of the text.
    assert all(len(each.tokens) == each.output_tokens for each in found)
    assert all("".join(token.text for token in each.tokens) == each.text for each in found)
    assert not any("</s>" in each.text for each in found)


@pytest.mark.fault("H5")
def test_a_prompt_without_room_fails_alone(folder: Path) -> None:
    fits, too_long, nearly = all_at_once(folder, [ChatRequest(user(text), SHORT) for text in ("ok", "x" * 200, "x" * 87)])
    assert isinstance(too_long, ModelError)
    assert too_long.kind == "context_overflow"
    assert fits[0].text
    # 91 of 96 tokens are the prompt: there is room for five.
    assert nearly[0].output_tokens <= 5


def test_messages_that_the_chat_template_refuses_are_rejected(folder: Path) -> None:
    refused, fine = all_at_once(
        folder, [ChatRequest([{"role": "tool", "content": "x"}], SHORT), ChatRequest(user("x"), SHORT)]
    )
    assert isinstance(refused, ModelError)
    assert refused.kind == "rejected"
    assert fine[0].text


def test_leaving_a_model_releases_its_cores(folder: Path, engine: Engine) -> None:
    assert engine.lanes == 2
    all_at_once(folder, [ChatRequest(user("x"), SHORT, seeds=tuple(range(20)))], batch=4)
    assert torch.get_num_threads() == 2


def test_leaving_the_model_ends_what_is_under_way(folder: Path) -> None:
    async def run() -> None:
        async with open_model(TransformersModel(kind="transformers", path=str(folder), batch=2)) as model:
            asks = [ChatRequest(user("x" * place), Sampling(max_tokens=60)) for place in range(1, 9)]
            tasks = [asyncio.create_task(model.complete(ask)) for ask in asks]
            await asyncio.sleep(0.02)
        assert all(
            isinstance(each, asyncio.CancelledError) for each in (await asyncio.gather(*tasks, return_exceptions=True))[-1:]
        )

    asyncio.run(run())


def test_cancelled_requests_are_not_computed(folder: Path) -> None:
    async def use(model: Model) -> None:
        task = asyncio.create_task(model.complete(ChatRequest(user("x"), Sampling(max_tokens=90), seeds=tuple(range(500)))))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await model.complete(ChatRequest(user("y"), SHORT)))[0].text

    with_model(folder, use, batch=4)


def test_a_folder_without_a_chat_template_is_refused_with_a_fix(tmp_path: Path) -> None:
    save_random(tmp_path / "base", template=None)
    with pytest.raises(InputError, match="chat template") as caught:
        alone(tmp_path / "base", ChatRequest(user("x"), SHORT))
    assert "instruction-tuned" in caught.value.fix


def test_broken_weights_are_an_input_error(folder: Path, tmp_path: Path) -> None:
    save_random(tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cannot be loaded"):
        alone(tmp_path / "broken", ChatRequest(user("x"), SHORT))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from([4, 8])), max_size=40), st.integers(1, 7))
def test_batches_hold_everything_once_alike_and_sorted(rows: list[tuple[int, int]], size: int) -> None:
    waiting = [
        (Draw((0,) * length, 0, Settings(1.0, 1.0, limit, None)), place) for place, (length, limit) in enumerate(rows)
    ]
    found = list(batches(waiting, size))
    assert sorted(place for batch in found for _, place in batch) == list(range(len(rows)))
    for batch in found:
        assert 1 <= len(batch) <= size
        assert len({draw.settings for draw, _ in batch}) == 1
        lengths = [len(draw.ids) for draw, _ in batch]
        assert lengths == sorted(lengths)


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 2000))
def test_output_limits_fit_the_context_and_take_few_values(max_tokens: int, room: int) -> None:
    limit = output_limit(max_tokens, room)
    assert 1 <= limit <= min(max_tokens, room)
    assert limit == max_tokens or limit == room < 64 or limit % 64 == 0


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    shares = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05])
    rows = 20_000
    sampler = Sampler(Settings(1.0, 1.0, 1, None), range(rows), device=torch.device("cpu"), stopped=lambda: False)
    chosen = sampler.draw(shares.log().repeat(rows, 1))
    counts = torch.bincount(chosen, minlength=5) / rows
    assert counts[1] == 0
    # Four standard errors.
    assert all(
        abs(counts[place] - share) < 4 * math.sqrt(share * (1 - share) / rows) + 1e-9
        for place, share in enumerate(shares.tolist())
    )


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=20), st.floats(0.01, 0.99))
def test_a_nucleus_is_the_fewest_likeliest_tokens_that_reach_top_p(weights: list[float], top_p: float) -> None:
    shares = torch.softmax(torch.tensor([weights], dtype=torch.float64), -1)
    kept = nucleus(shares, top_p)[0]
    inside = kept > 0
    assert kept.sum() >= top_p - 1e-9
    assert kept.sum() - kept[inside].min() < top_p + 1e-9
    if (~inside).any():
        assert kept[inside].min() >= shares[0][~inside].max() - 1e-12


class Cramped(Loaded):
    """Has memory for so many chats at once."""

    def __init__(self, room: int) -> None:
        self.room = room

    def _complete(self, draws: Sequence[Draw]) -> list[Completion]:
        if len(draws) > self.room:
            raise torch.OutOfMemoryError
        return [Completion(str(draw.seed), output_tokens=1) for draw in draws]


def test_a_batch_that_does_not_fit_in_memory_is_halved_until_it_does() -> None:
    draws = [Draw((1, 2), seed, Settings(1.0, 1.0, 4, None)) for seed in range(7)]
    assert [said.text for said in Cramped(2).complete(draws)] == [str(seed) for seed in range(7)]
    with pytest.raises(ModelError, match="out of memory with one chat of 2 tokens") as caught:
        Cramped(0).complete(draws)
    assert caught.value.kind == "crashed"
