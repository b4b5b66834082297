"""How far a model is from its base: log-probabilities of real checkpoints, and the estimates made of them."""

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif import pipeline
from rlaif.config import TransformersModel
from rlaif.core.errors import ModelError
from rlaif.evaluation.divergence import compared, likelihoods
from rlaif.models.base import Likelihood
from rlaif.models.local.client import Transformers
from rlaif.models.registry import Models
from rlaif.store.store import Store
from tests.support.checkpoints import save_random
from tests.support.evaluated_models import evaluated, project


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {name: save_random(folder / name, seed=seed) for seed, name in enumerate(("base", "moved"))}


def model(path: Path) -> TransformersModel:
    return TransformersModel(kind="transformers", path=str(path), dtype="float64", device="cpu")


def test_the_likelihood_of_an_answer_is_the_sum_over_its_tokens(checkpoints: dict[str, Path]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rows = [
        {"response": "r", "messages": '[{"role": "user", "content": "hi"}]', "text": "good day", "finish": "stop"},
        {"response": "long", "messages": '[{"role": "user", "content": "hi"}]', "text": "x" * 200, "finish": "length"},
    ]

    async def ask() -> Any:
        async with Models() as models:
            return await likelihoods(models, model(checkpoints["base"]), rows)

    found = asyncio.run(ask())
    assert found["long"] == "context_overflow"
    tokenizer = AutoTokenizer.from_pretrained(checkpoints["base"])
    network = AutoModelForCausalLM.from_pretrained(checkpoints["base"], dtype=torch.float64)
    prompt = tokenizer("<s>hi\n: ", add_special_tokens=False)["input_ids"]
    answer = [*tokenizer("good day", add_special_tokens=False)["input_ids"], 2]
    with torch.inference_mode():
        scores = torch.log_softmax(network(torch.tensor([prompt + answer])).logits[0], -1)
    expected = [scores[len(prompt) - 1 + place, token].item() for place, token in enumerate(answer)]
    assert found["r"].ids == tuple(answer)
    assert found["r"].logprobs == pytest.approx(expected, abs=1e-5)


def test_both_estimates_follow_from_the_log_probabilities() -> None:
    own, base = Likelihood((1, 2), (-0.5, -1.0)), Likelihood((1, 2), (-1.5, -0.5))
    (row,) = compared({"r": own}, {"r": base}, "B")
    assert row == {
        "response": "r",
        "reference": "B",
        "tokens": 2,
        "k1": pytest.approx(0.5),
        "k3": pytest.approx((math.exp(-1) - 1 + 1) + (math.exp(0.5) - 1 - 0.5)),
    }
    assert compared({"r": own}, {"r": own}, "B")[0]["k3"] == 0
    for mine, theirs, failure in (
        (own, "crashed", "crashed"),
        ("context_overflow", own, "context_overflow"),
        (own, Likelihood((1, 3), (-1, -1)), "other tokens"),
    ):
        assert compared({"r": mine}, {"r": theirs}, "B")[0] == {"response": "r", "reference": "B", "failure": failure}


def test_checkpoints_are_as_far_apart_as_their_log_probabilities_say(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    config = project(
        tmp_path,
        f"models.writer={{kind: transformers, path: {checkpoints['base']}, dtype: float64}}",
        f"evaluate.models=[{checkpoints['moved']}, {checkpoints['base']}]",
        "judges={a: {rubric: task.yaml}}",
        "evaluate.judges=[a]",
        "evaluate.tasks=[]",
        "generate.max_tokens=12",
        "generate.template=plain.jinja",
    )
    (tmp_path / "plain.jinja").write_text("{{ request }}")
    found, _ = evaluated(config)
    moved, same = found.divergences
    assert (moved.model, moved.responses, moved.left_out) == (str(checkpoints["moved"]), 8, {})
    assert moved.k1 is not None
    assert moved.k3 is not None
    # Two random models have nothing in common; a model has no distance to itself.
    assert moved.k3 > 1 < moved.k1
    assert moved.interval is not None
    assert moved.interval[0] <= moved.k1 <= moved.interval[1]
    assert (same.k1, same.k3) == (0, 0)
    with Store(config.store_path, read_only=True) as store:
        rows = store.rows("SELECT * FROM divergences")
        assert len(rows) == len({row["response"] for row in rows}) == 16
        assert store.rows("SELECT sum(k1) / 8 AS k1 FROM divergences")[0]["k1"] == pytest.approx(moved.k1)
    assert evaluated(config)[0] == found
    with pipeline.open_run(config) as (plan, context):
        assert "KL divergence" in pipeline.report(plan, context, found).read_text(encoding="utf-8")


def test_an_answer_that_fits_no_context_is_a_failure_kind(checkpoints: dict[str, Path]) -> None:
    async def ask() -> Any:
        async with Transformers(model(checkpoints["base"])) as opened:
            return await opened.score([{"role": "user", "content": "x" * 90}], "y" * 20, ended=False)

    with pytest.raises(ModelError) as error:
        asyncio.run(ask())
    assert error.value.kind == "context_overflow"
