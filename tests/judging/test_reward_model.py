"""Reward models: a tiny random one in this process, and a server that answers as vLLM's /classify does."""

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif import pipeline
from rlaif.config import JudgeSpec, ModelConfig, OpenAIModel, TransformersModel, VllmModel, load
from rlaif.config.resources import root
from rlaif.config.templates import Template
from rlaif.context.spending import spent
from rlaif.core.errors import InputError, ModelError
from rlaif.core.types import Prompt
from rlaif.estimate import plan
from rlaif.judging import Candidate, JudgeContext
from rlaif.judging.criteria import reward_model
from rlaif.judging.rubric import RewardModel
from rlaif.models.base import ChatRequest
from rlaif.models.local.client import Transformers
from rlaif.models.local.reward_model import TransformersReward
from rlaif.models.openai.reward_model import OpenAIReward, read
from rlaif.models.registry import open_model
from rlaif.models.vllm.client import VllmReward
from tests.support.checkpoints import TEMPLATE, save_random
from tests.support.servers import Reply, Server, classified, error, reply, serve

CRITERION = RewardModel(name="reward", kind="reward_model")
TEMPLATES = {"reward_model": Template(root() / "prompts/judge/reward_model.jinja", reward_model.TEMPLATES["reward_model"])}
PROMPT = Prompt(({"role": "user", "content": "Why?"},))
# Of the random checkpoint, in bytes.
CONTEXT = 600
TEXTS = ["b", "because", "because it rained", "no", "because it rained for days and days"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("checkpoint") / "reward", labels=1, context=CONTEXT)


def checkpoint(folder: Path, **options: Any) -> TransformersModel:
    return TransformersModel(kind="transformers", path=str(folder), device="cpu", **options)


def judged(config: ModelConfig, texts: Sequence[str], prompt: Prompt = PROMPT) -> list[Any]:
    async def work() -> list[Any]:
        async with open_model(config, rewards=True) as model:
            judge_context = JudgeContext(JudgeSpec(rubric="x.yaml"), TEMPLATES["reward_model"], model, templates=TEMPLATES)
            asked = (reward_model.judge(Candidate(prompt, text), [CRITERION], 0, judge_context) for text in texts)
            return await asyncio.gather(*asked)

    return asyncio.run(work())


def test_a_checkpoint_scores_the_whole_chat_at_its_end(folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert tokenizer.chat_template == TEMPLATE
    found = judged(checkpoint(folder, batch=4), TEXTS)
    for text, verdict in zip(TEXTS, found, strict=True):
        ids = tokenizer(f"<s>Why?\n{text}\n", add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            reward = float(model(input_ids=ids).logits[0, 0])
        assert float(verdict.raw) == pytest.approx(reward, abs=1e-5)
        assert verdict.scores[0].value == pytest.approx(1 / (1 + math.exp(-reward / 8)), abs=1e-5)
        assert (verdict.prompt_tokens, verdict.output_tokens) == (ids.shape[1], 0)
    assert len({verdict.raw for verdict in found}) == len(TEXTS)


def test_padding_changes_no_reward_if_the_checkpoint_has_no_pad_token(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = json.loads((tmp_path / "config.json").read_text()) | {"pad_token_id": None}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    together = [float(verdict.raw) for verdict in judged(checkpoint(tmp_path, batch=8), TEXTS)]
    alone = [float(verdict.raw) for verdict in judged(checkpoint(tmp_path, batch=1), TEXTS)]
    assert together == pytest.approx(alone, abs=1e-5)
    assert together == pytest.approx([float(verdict.raw) for verdict in judged(checkpoint(folder), TEXTS)], abs=1e-5)


def test_a_chat_that_does_not_fit_is_a_failure_and_never_cut(folder: Path) -> None:
    fits, too_long = CONTEXT - len("Why?\n\n") - 1, "x" * CONTEXT

    async def ask(text: str) -> Any:
        async with open_model(checkpoint(folder), rewards=True) as model:
            return await model.complete(
                ChatRequest([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": text}])
            )

    assert asyncio.run(ask("x" * fits))[0].prompt_tokens == CONTEXT
    with pytest.raises(ModelError) as caught:
        asyncio.run(ask(too_long))
    assert caught.value.kind == "context_overflow"


@pytest.mark.parametrize(("labels", "said"), [(None, "not a reward model: it lacks score.weight"), (3, "has 3 labels")])
def test_a_checkpoint_without_a_reward_head_is_refused(labels: int | None, said: str, tmp_path: Path) -> None:
    save_random(tmp_path / "other", labels=labels)
    with pytest.raises(InputError, match=said):
        judged(checkpoint(tmp_path / "other"), ["a"])


def served(script: Sequence[Reply], *, path: str = "/v1") -> tuple[Any, Server]:
    async def work() -> tuple[Any, Server]:
        async with serve(script) as server:
            base = server.base_url.removesuffix("/v1") + path
            config = OpenAIModel(kind="openai", model="m", base_url=base, timeout=5.0, attempts=3)
            async with OpenAIReward(config, pause=0.001) as model:
                judge_context = JudgeContext(
                    JudgeSpec(rubric="x.yaml"), TEMPLATES["reward_model"], model, templates=TEMPLATES
                )
                prompt = Prompt(({"role": "user", "content": "Why <|im_end|>?"},), document="It rained.")
                return await reward_model.judge(
                    Candidate(prompt, "Rain. <|im_start|>"), [CRITERION], 0, judge_context
                ), server

    return asyncio.run(work())


@pytest.mark.parametrize("path", ["/v1", "", "/v1/"])
def test_a_served_reward_model_is_sent_the_whole_chat(path: str) -> None:
    verdict, server = served([classified(-3.25)], path=path)
    assert [request.path for request in server.requests] == ["/classify"]
    assert server.requests[0].body == {
        "model": "m",
        "use_activation": False,
        "messages": [
            {"role": "user", "content": "Why < |im_end|>?\n\nKeep to this document:\n\nIt rained."},
            {"role": "assistant", "content": "Rain. < |im_start|>"},
        ],
    }
    assert (verdict.raw, verdict.prompt_tokens) == ("-3.25", 7)
    assert verdict.scores[0].value == round(1 / (1 + math.exp(3.25 / 8)), 6)


def test_a_request_to_a_stumbling_server_is_retried() -> None:
    script = [error(500, "oops"), Reply(b"<html>"), reply({"data": []}), classified(2.0)]
    verdict, server = served([*script[:2], script[3]])
    assert (verdict.raw, len(server.requests)) == ("2.0", 3)
    with pytest.raises(ModelError) as caught:
        served(script[:3])
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(400, "This model's maximum context length is 64 tokens"), "context_overflow"),
        (error(400, "messages: field not known"), "rejected"),
        (error(404, "no such model"), "unknown_model"),
        (classified(0.1, 0.9), "rejected"),
        (classified(None), "malformed"),
        (reply({"data": [{"probs": [True]}]}), "malformed"),
        (reply({"error": {"message": "down", "code": 503}}), "server"),
    ],
)
def test_an_invalid_reward_is_a_failure_with_its_kind(answer: Reply, kind: str) -> None:
    with pytest.raises(ModelError) as caught:
        served([answer])
    assert caught.value.kind == kind


def test_a_reward_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="finite"):
        read(b'{"data": [{"probs": [NaN]}]}')


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_the_order_of_rewards_is_that_of_their_values(one: float, other: float) -> None:
    values = [reward_model.value(repr(reward), 8.0) for reward in (one, other)]
    assert all(0 < value < 1 for value in values)
    if one - other > 1:
        assert values[0] > values[1]


@pytest.mark.parametrize("said", ["", "good", "nan", "inf", "-1e308", "150"])
def test_a_reward_that_is_not_a_number_or_too_extreme_is_a_failure(said: str) -> None:
    with pytest.raises(ModelError) as caught:
        reward_model.value(said, 8.0)
    assert caught.value.kind == "malformed"


PIPELINE = """
name: rewards
models:
  writer: {kind: scripted}
  rm: {kind: transformers, path: FOLDER, device: cpu}
judges: {fitted: {rubric: rubric.yaml, model: rm}}
collect: {sources: [{path: prompts.jsonl}]}
generate: {model: writer, samples: 3, max_tokens: 64}
pair: {judge: fitted}
"""
RUBRIC = "name: rewards\ncriteria: [{name: reward, kind: reward_model}]\n"


def write(place: Path, rubric: str = RUBRIC, *, checkpoint: Path | str = "x") -> Path:
    (place / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"Why {n}?"}) + "\n" for n in range(4)))
    (place / "rubric.yaml").write_text(rubric)
    (place / "p.yaml").write_text(PIPELINE.replace("FOLDER", str(checkpoint)))
    return place / "p.yaml"


def test_a_pipeline_pairs_by_a_reward_model(folder: Path, tmp_path: Path) -> None:
    config = load(write(tmp_path, checkpoint=folder), [f"out={tmp_path / 'out'}"])
    with pipeline.open_run(config) as (resolved, context):
        planned = {line.stage: line.output_tokens.high for line in plan(resolved, context).lines}
        pipeline.generate_and_judge(resolved, context)
        made = pipeline.pair(resolved, context)
        rows = context.store.rows(
            "SELECT value::DOUBLE AS value, raw FROM scores JOIN verdicts ON verdicts.key = scores.verdict"
        )
        tokens = context.store.rows("SELECT sum(prompt_tokens)::BIGINT AS n FROM verdicts")[0]["n"]
        paid = next(row for row in spent(context.store, config.pipeline) if row.stage == "judge fitted")
    assert (paid.prompt_tokens, paid.output_tokens, paid.guessed) == (tokens, 0, 0), "counted once"
    assert made.pairs == 4
    assert planned["judge fitted"] == 0 < planned["generate"]
    assert len(rows) == 12
    for row in rows:
        assert row["value"] == pytest.approx(1 / (1 + math.exp(-float(row["raw"]) / 8)), abs=1e-6)


def test_one_model_returns_rewards_or_text(tmp_path: Path) -> None:
    rubric = RUBRIC.replace("[{", "[{name: help, question: Is it of help}, {")
    with pytest.raises(InputError, match="no model returns both"):
        pipeline.check(pipeline.resolve(load(write(tmp_path, rubric))))


def test_the_batch_api_has_no_rewards() -> None:
    config = OpenAIModel(kind="openai", model="m", mode="batch")
    with pytest.raises(InputError, match="no rewards"):
        open_model(config, folder=Path("x"), rewards=True)


def test_a_model_is_opened_separately_for_rewards_and_for_text(folder: Path) -> None:
    assert type(open_model(checkpoint(folder))) is Transformers
    assert type(open_model(checkpoint(folder), rewards=True)) is TransformersReward
    vllm = VllmModel(kind="vllm", path=str(folder))
    assert type(open_model(vllm, rewards=True)) is VllmReward
