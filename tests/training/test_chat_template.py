"""Variables of a chat template hold wherever a model generates, is counted and is trained, or training is refused."""

from pathlib import Path
from typing import Any

import pytest

from rlaif.config import TransformersModel, VllmModel, load
from rlaif.core.errors import InputError
from rlaif.estimate.token_counts import counter
from rlaif.models.local.chat_template import with_variables
from rlaif.models.local.engine import load as load_engine
from rlaif.models.registry import identity
from rlaif.pipeline.resolve import resolve
from rlaif.pipeline.stages import train
from tests.support.checkpoints import save_random
from tests.support.training import TEMPLATE, opened, prepare

# A hybrid model: unless its switch is off, the prompt ends with a mark that no stored answer starts with.
HYBRID = TEMPLATE.replace(
    "{% if add_generation_prompt %}: {% endif %}",
    "{% if add_generation_prompt %}: {% if enable_thinking is not defined or enable_thinking %}(thinks){% endif %}{% endif %}",
)
OFF = {"chat_template_kwargs": {"enable_thinking": False}}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("hybrid"), context=128, template=HYBRID)


def local(path: Path, extra: dict[str, Any]) -> TransformersModel:
    return TransformersModel(kind="transformers", path=str(path), device="cpu", extra=extra)


def test_generation_and_counts_render_the_template_with_the_variables(checkpoint: Path) -> None:
    message: Any = [{"role": "user", "content": "hi"}]
    on, off = (load_engine(local(checkpoint, extra), stopped=lambda: False).encode(message) for extra in ({}, OFF))
    assert len(on) == len(off) + len("(thinks)")
    assert [counter(local(checkpoint, extra))[0](message) for extra in ({}, OFF)] == [len(on), len(off)]
    served = VllmModel(kind="vllm", path=str(checkpoint), extra=OFF)
    assert counter(served)[0](message) == len(off)


def test_the_variables_are_part_of_the_identity_only_if_they_are_used(checkpoint: Path) -> None:
    assert "extra" not in identity(local(checkpoint, {}))
    assert identity(local(checkpoint, OFF)) == identity(local(checkpoint, {})) | {"extra": OFF}


@pytest.mark.parametrize("method", ["dpo", "sft"])
def test_training_renders_prompts_with_the_variables_and_keeps_the_template(
    method: str, checkpoint: Path, tmp_path: Path
) -> None:
    pipeline = prepare(tmp_path, checkpoint, method=method, options="{max_steps: 1, per_device_train_batch_size: 4}")
    with opened(pipeline) as context, pytest.raises(InputError, match="prompt differently alone"):
        train.run(context)
    text = pipeline.read_text()
    pipeline.write_text(text.replace("device: cpu", "device: cpu, extra: {chat_template_kwargs: {enable_thinking: false}}"))
    with opened(pipeline) as context:
        training = train.run(context)
    assert (training.rows, training.refused) == (9, {})
    saved = (training.path / "chat_template.jinja").read_text()
    assert saved == (checkpoint / "chat_template.jinja").read_text()


GENERATORS = {
    "the same checkpoint without the variables": ("{kind: transformers, path: P}", {}),
    "a server of the checkpoint with other values": (
        "{kind: vllm, path: P, extra: {chat_template_kwargs: {enable_thinking: true}}}",
        {"enable_thinking": True},
    ),
    "another model with variables": (
        "{kind: openai, model: m, base_url: 'http://127.0.0.1:1/v1', extra: {chat_template_kwargs: {thinking: false}}}",
        {"thinking": False},
    ),
}
BASE = "{kind: transformers, path: P, extra: {chat_template_kwargs: {enable_thinking: false}}}"


def pipeline_with(folder: Path, checkpoint: Path, writer: str) -> Path:
    models = f"  base: {BASE}\n  writer: {writer}\n".replace("P,", f"{checkpoint},").replace("P}", f"{checkpoint}}}")
    (folder / "p.yaml").write_text(
        f"name: p\nmodels:\n{models}collect: {{sources: [{{path: none.jsonl}}]}}\ngenerate: {{model: writer}}\n"
        "train: {method: sft, model: base}\n"
    )
    return folder / "p.yaml"


@pytest.mark.parametrize(("writer", "theirs"), GENERATORS.values(), ids=GENERATORS)
def test_training_with_another_rendering_than_the_generator_is_refused(
    writer: str, theirs: dict[str, Any], checkpoint: Path, tmp_path: Path
) -> None:
    config = load(pipeline_with(tmp_path, checkpoint, writer))
    with pytest.raises(InputError, match="other chat_template_kwargs") as refused:
        train.check_template(config, resolve(config).generators)
    assert ("enable_thinking" in refused.value.what, refused.value.where.startswith(str(config.file.path))) == (True, True)


@pytest.mark.parametrize("writer", [BASE, "{kind: scripted}", "{kind: openai, model: m, base_url: 'http://127.0.0.1:1/v1'}"])
def test_training_with_the_same_rendering_or_on_another_models_responses_is_allowed(
    writer: str, checkpoint: Path, tmp_path: Path
) -> None:
    config = load(pipeline_with(tmp_path, checkpoint, writer))
    train.check_template(config, resolve(config).generators)


REFUSED = {
    "a field of a request": ({"top_k": 20}, "field of requests to a server"),
    "a variable of the chat": ({"chat_template_kwargs": {"messages": "x"}}, "cannot set 'messages'"),
    "a statement": ({"chat_template_kwargs": {"a %}{{ 1 }}{% set b": 1}}, "cannot set"),
    "a list": ({"chat_template_kwargs": {"a": [1]}}, "must be a string"),
}


@pytest.mark.parametrize(("extra", "message"), REFUSED.values(), ids=REFUSED)
def test_variables_that_no_template_can_use_are_refused(extra: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        local(Path("x"), extra)


VALUES = [True, False, None, 3, 1.5, "low", 'a "quote" and %} a brace', "übung 😀\n"]


@pytest.mark.parametrize("value", VALUES)
def test_a_variable_has_its_value_in_the_template(value: Any, checkpoint: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    chat = [{"role": "user", "content": "hi"}]
    for template in ("{{ x }}|{% if x is none %}none{% endif %}", "\n  {% if true %}\n {{ x }}{% endif %}"):
        given = tokenizer.apply_chat_template(chat, chat_template=template, tokenize=False, x=value)
        fixed = tokenizer.apply_chat_template(chat, chat_template=with_variables(template, {"x": value}), tokenize=False)
        assert fixed == given
