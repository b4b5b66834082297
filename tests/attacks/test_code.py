"""A pipeline, rubric, checkpoint or folder from a stranger runs no code, and sends nothing, without --allow-code."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlaif.config import load
from rlaif.core.errors import InputError
from rlaif.judging.criteria import check
from rlaif.judging.rubric import Check
from rlaif.models.local.checkpoint import inspect
from rlaif.models.vllm.args import flags
from rlaif.training import accelerate
from rlaif.training.methods import CLASSES, LORA
from rlaif.training.option_check import class_options
from tests.support.checkpoints import save_random

EXTRA = "with --allow-code"
MARK = "import os\nopen(os.environ['CANARY'], 'w').write('ran')\n"


def pipeline(folder: Path, **parts: Any) -> Path:
    plain = {"name": "x", "models": {"w": {"kind": "scripted"}}, "collect": {"sources": [{"path": "p.jsonl"}]}}
    (folder / "p.jsonl").write_text('{"prompt": "hello"}\n')
    file = folder / "x.yaml"
    file.write_text(yaml.safe_dump({**plain, **parts}, allow_unicode=True))
    return file


def of_vllm(**options: Any) -> dict[str, Any]:
    return {"models": {"m": {"kind": "vllm", "path": "org/name", "options": options}}}


def of_training(**options: Any) -> dict[str, Any]:
    model = {"m": {"kind": "transformers", "path": "tiny:writer"}}
    return {"models": model, "train": {"model": "m", "options": options}}


def of_peft(**options: Any) -> dict[str, Any]:
    return {**of_training(), "train": {"model": "m", "peft": options}}


NEED: dict[str, tuple[dict[str, Any], str]] = {
    "a checkpoint's code": (
        {"models": {"m": {"kind": "transformers", "path": "org/name", "trust_remote_code": True}}},
        "trust_remote_code",
    ),
    **{
        f"vLLM: {name}": (of_vllm(**{name: value}), name)
        for name, value in {
            "trust_remote_code": True,
            "trust-remote-code": True,
            "trust_remote_cod": True,
            "Trust_Remote_Code": True,
            "middleware": ["m:f"],
            "tool_parser_plugin": "x.py",
            "reasoning_parser_plugin": "x.py",
            "worker_cls": "m.C",
            "worker-extension-cls": "m.C",
            "scheduler_cls": "m.C",
            "config": "x.yaml",
            "lora_modules": ["a=/x"],
            "hf_overrides": {"architectures": ["X"]},
            "chat_template": "/etc/passwd",
            "logits_processors": ["m:f"],
            "logits_processor_pattern": ".*",
            "tokenizer": "/x",
            "additional_config": {},
            "load_format": "pt",
            "model_loader_extra_config": {},
            "kv_transfer_config": {},
            "speculative_config": {"model": "/x"},
            "headless": True,
            "max_num_seqs": "--trust-remote-code",
            "cuda_graph_sizes": [1, "--trust-remote-code"],
            "seed": "1 --x",
            "o.x": 1,
            "distributed_executor_backend": "m.Executor",
            "quantization": "/x/y.py",
            "allowed_local_media_path": "/",
            "max_num_seqs=1 --trust-remote-code": 1,
            "download_dir": "/tmp",
            "generation_config": "/x",
            "ssl_certfile": "/x",
            "compilation_config": {"backend": "m.f"},
            "override_generation_config": {},
            "otlp_traces_endpoint": "http://x",
        }.items()
    },
    **{
        f"TRL: {name}": (of_training(**{name: value}), name)
        for name, value in {
            "push_to_hub": True,
            "hub_model_id": "a/b",
            "hub_always_push": True,
            "hub_revision": "x",
            "report_to": "wandb",
            "trackio_space_id": "a/b",
            "trackio_bucket_id": "x",
            "deepspeed": "/x.json",
            "fsdp_config": "/x.json",
            "accelerator_config": "/x.json",
            "parallelism_config": {"x": 1},
            "project": "../x",
            "run_name": "/tmp/x",
            "model_init_kwargs": {"trust_remote_code": True},
            "optim": "rose_adam_/x",
            "torch_compile_backend": "m.f",
            "trust_remote_code": True,
            "optim_args": "path=/x",
            "ddp_backend": "tcp://x",
            "liger_kernel_config": {"x": "/y"},
            "gradient_checkpointing_kwargs": {"context_fn": "m:f"},
            "pad_to_multiple_of": "/etc/passwd",
            "metric_for_best_model": "../x",
            "lr_scheduler_kwargs": {"path": "/x"},
            "length_column_name": "https://x",
        }.items()
    },
    "TRL: report_to all": (of_training(report_to="all"), "report_to"),
    "TRL: report_to a list": (of_training(report_to=["none", "mlflow"]), "report_to"),
    "TRL: kernels of the hub": (
        of_training(model_init_kwargs={"attn_implementation": "kernels-community/x"}),
        "model_init_kwargs",
    ),
    "PEFT: weights of a path": (of_peft(init_lora_weights="/x"), "init_lora_weights"),
    "PEFT: another base": (of_peft(base_model_name_or_path="/x"), "base_model_name_or_path"),
    "PEFT: megatron's core": (of_peft(megatron_config={}, megatron_core="os"), "megatron"),
    "PEFT: a class by name": (of_peft(auto_mapping={"parent_library": "os"}), "auto_mapping"),
    "a harness task that is a file": ({"evaluate": {"harness": ["../evil.yaml"]}}, "harness"),
    "a harness task beside": ({"evaluate": {"harness": ["evil.yaml"]}}, "harness"),
}


@pytest.mark.parametrize("case", NEED)
def test_keys_that_run_code_or_send_data_need_allow_code(case: str, tmp_path: Path) -> None:
    parts, name = NEED[case]
    file = pipeline(tmp_path, **parts)
    with pytest.raises(InputError) as error:
        load(file)
    assert name in str(error.value)
    assert EXTRA in str(error.value)
    assert str(file) in error.value.where
    load(file, allow_code=True)


FREE: dict[str, dict[str, Any]] = {
    "vLLM": of_vllm(
        max_num_seqs=64,
        enforce_eager=True,
        quantization="fp8",
        **{"enable-prefix-caching": True},
        seed=3,
        kv_cache_dtype="auto",
    ),
    "TRL": of_training(
        learning_rate=5e-7,
        report_to="none",
        optim="adamw_torch_fused",
        lr_scheduler_type="cosine",
        eos_token="</s>",
        gradient_checkpointing_kwargs={"use_reentrant": False},
        model_init_kwargs={"attn_implementation": "sdpa"},
        bf16=True,
        loss_type=["sigmoid", "sft"],
        push_to_hub=False,
        lr_scheduler_kwargs={"num_cycles": 2},
        torch_compile_backend="inductor",
    ),
    "a local tracker": of_training(report_to=["tensorboard"], run_name="first try"),
    "PEFT": of_peft(
        r=16, target_modules="all-linear", init_lora_weights="pissa_niter_4", modules_to_save=["lm_head"], use_dora=True
    ),
    "the harness": {"evaluate": {"harness": ["arc_easy", "mmlu-pro"]}},
}


@pytest.mark.parametrize("case", FREE)
def test_everyday_options_need_no_flag(case: str, tmp_path: Path) -> None:
    load(pipeline(tmp_path, **FREE[case]))


def test_no_option_of_trl_that_sends_or_connects_is_new_to_us() -> None:
    suspicious = (
        "hub",
        "push",
        "report",
        "trackio",
        "wandb",
        "server",
        "url",
        "host",
        "token_",
        "path",
        "space",
        "bucket",
        "code",
    )
    from rlaif.config.code import of_training as needs

    harmless = {"hub_strategy", "hub_private_repo"}
    known = class_options(CLASSES)
    assert known.keys() == set(CLASSES)
    for name in known.keys() - {LORA}:
        for option in known[name]:
            if any(word in option for word in suspicious) and option not in harmless | {
                "hub_token",
                "resume_from_checkpoint",
            }:
                assert list(needs({option: "org/name"})), option


FUNCTIONS = [
    "rlaif.data.export.hub:push",
    "rlaif.demo.ground_truth:re",
    "rlaif.demo.ground_truth:DOMAINS",
    "rlaif.demo.ground_truth:__builtins__",
    "os:system",
    "rlaif.demo.ground_truth:_marks",
    "rlaif.demo.ground_truth:dataclass",
    "rlaif.demo.world:requests",
    "rlaif.core.plugins:load",
    "builtins:eval",
    "rlaif.judging.checks.text:matches",
    "rlaif.demo.ground_truth:marks",
    "own:score",
    "subprocess:run",
    ".rlaif.demo.ground_truth:helpfulness",
    "rlaif..tiny.oracle:helpfulness",
    "rlaif.demo.ground_truth.:helpfulness",
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_built_in_checks_and_the_demos_oracle_are_free(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "own.py").write_text(MARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANARY", str(canary))
    with pytest.raises(InputError, match="--allow-code"):
        check.load(Check(name="x", kind="check", function=function), allow_code=False)
    assert not canary.exists()


def test_the_demos_oracle_is_free() -> None:
    for name in ("helpfulness", "faithfulness", "completeness"):
        assert check.load(
            Check(name="x", kind="check", function=f"rlaif.demo.ground_truth:{name}", high=100), allow_code=False
        )


@pytest.mark.parametrize(
    "command", [["-m", "rlaif"], [str(Path(sys.executable).parent / "rlaif")]], ids=["python -m", "rlaif"]
)
def test_no_module_of_the_current_folder_is_imported(command: list[str], tmp_path: Path) -> None:
    for name in (
        "yaml",
        "torch",
        "datasets",
        "duckdb",
        "typer",
        "sitecustomize",
        "usercustomize",
        "orjson",
        "jinja2",
        "rich",
    ):
        (tmp_path / f"{name}.py").write_text(MARK)
    canary = tmp_path / "canary"
    file = pipeline(tmp_path, generate={"model": "w"}, judges={}, models={"w": {"kind": "scripted"}})
    words = [sys.executable, *command] if command[0] == "-m" else command
    done = subprocess.run(
        [*words, "run", file.name], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "CANARY": str(canary)}
    )
    assert done.returncode == 0, done.stderr
    assert not canary.exists()


class Bomb:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (exec, (f"open({str(self.canary)!r}, 'w').write('ran')",))


def broken(folder: Path, what: str, canary: Path) -> None:
    weights = folder / "model.safetensors"
    match what:
        case "a pickle":
            weights.unlink()
            (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(canary)))
        case "an adapter":
            (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/etc"}')
        case "no config":
            (folder / "config.json").unlink()
        case "config is a list":
            (folder / "config.json").write_text("[]")
        case "config is deep":
            (folder / "config.json").write_text("[" * 100_000)
        case "config is text":
            (folder / "config.json").write_text("hello")
        case "weights elsewhere":
            (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../x.safetensors"}}')
        case "a link":
            (folder / "chat_template.jinja").unlink(missing_ok=True)
            (folder / "chat_template.jinja").symlink_to("/etc/passwd")
        case "no weights":
            weights.unlink()
        case "cut weights":
            weights.write_bytes(weights.read_bytes()[:1000])
        case "empty weights":
            weights.write_bytes(b"")
        case "another architecture":
            (folder / "config.json").write_text('{"model_type": "nothing", "architectures": ["Nothing"]}')
        case "code of its own":
            config = json.loads((folder / "config.json").read_text())
            config |= {"auto_map": {"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config"}, "model_type": "own"}
            (folder / "config.json").write_text(json.dumps(config))
            (folder / "own.py").write_text(f"open({str(canary)!r}, 'w').write('ran')\n")
        case "a tokenizer with code":
            settings = json.loads((folder / "tokenizer_config.json").read_text())
            settings |= {"auto_map": {"AutoTokenizer": ["own.T", None]}, "tokenizer_class": "OwnTokenizer"}
            (folder / "tokenizer_config.json").write_text(json.dumps(settings))
            (folder / "own.py").write_text(f"open({str(canary)!r}, 'w').write('ran')\n")


BEFORE = [
    "a pickle",
    "an adapter",
    "config is a list",
    "config is deep",
    "config is text",
    "weights elsewhere",
    "a link",
    "no weights",
]
LOADING = [*BEFORE, "no config", "cut weights", "empty weights", "another architecture", "code of its own"]


@pytest.mark.parametrize("what", BEFORE)
def test_a_strangers_checkpoint_is_refused_before_it_is_loaded(what: str, tmp_path: Path) -> None:
    folder = save_random(tmp_path / "c", context=64)
    canary = tmp_path / "canary"
    broken(folder, what, canary)
    with pytest.raises(InputError):
        inspect(folder)


@pytest.mark.parametrize("what", [*LOADING, "a tokenizer with code"])
def test_a_broken_or_hostile_checkpoint_is_a_readable_error(what: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from rlaif.config import TransformersModel
    from rlaif.models.local.loader import read

    folder = save_random(tmp_path / "c", context=64)
    canary = tmp_path / "canary"
    broken(folder, what, canary)
    try:
        read(AutoModelForCausalLM, TransformersModel(kind="transformers", path=str(folder)), "x.yaml:3 models.m.path")
    except InputError as error:
        assert str(error).startswith("x.yaml:3 models.m.path")
    else:
        assert what == "a tokenizer with code"  # without its code, the plain tokenizer serves
    assert not canary.exists()


@pytest.mark.parametrize("job", ["", "[]", "{}", '{"key": "../../x"}', "trust"])
def test_a_strangers_prepared_training_is_refused(job: str, tmp_path: Path) -> None:
    base = {"kind": "transformers", "path": "tiny:writer", "trust_remote_code": True}
    trusting = json.dumps({"key": "k", "train": {}, "base": base, "reference": None, "refused": {}})
    (tmp_path / "job.json").write_text(trusting if job == "trust" else job)
    for name in ("rows.jsonl", "data.jsonl"):
        (tmp_path / name).write_text("")
    with pytest.raises(InputError):
        accelerate.run(tmp_path)


def test_a_value_never_becomes_an_option_of_the_server() -> None:
    # The pipeline cannot hold such a value without --allow-code; one word an option is what vLLM's parser sees.
    assert flags({"max_num_seqs": 4, "enforce_eager": True}) == ["--max-num-seqs", "4", "--enforce-eager"]
