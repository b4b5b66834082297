"""Profiles of a prepared training: accelerate's own parser accepts them, their scripts are valid, and their memory is estimated."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.config import Train
from rlaif.training import memory
from rlaif.training.memory import Shape
from rlaif.training.profiles import LAUNCH, PROFILES, SLURM, TORCHRUN, Setup, environment, write
from tests.support.checkpoints import save_random

SEVEN_BILLION = Shape(7_000_000_000, layers=32, hidden=4096, vocabulary=32_000, context=4096, sides=2_000_000)
EIGHT = Setup("fsdp2", 1, 8)


@pytest.mark.parametrize(
    ("profile", "nodes"), [("single", 1), *((each, nodes) for each in PROFILES[1:] for nodes in (1, 2))]
)
def test_accelerate_reads_each_profile_as_its_script_sets_it(profile: Any, nodes: int, tmp_path: Path) -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    setup = Setup(profile, nodes, 1 if profile == "single" else 4)
    write(tmp_path, setup, "")
    words = [
        "--config_file",
        str(tmp_path / "accelerate.yaml"),
        "--main_process_ip",
        "127.0.0.1",
        "--main_process_port",
        "0",
    ]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args([*words, "train.py"]))
    assert (arguments.num_processes, arguments.num_machines) == (setup.processes, nodes)
    assert arguments.use_fsdp == (profile == "fsdp2")
    assert arguments.use_deepspeed == (profile in ("zero2", "zero3"))
    # `accelerate launch` sets it between the two steps.
    arguments.deepspeed_fields_from_accelerate_config = ""
    given = prepare_deepspeed_cmd_env(arguments)[1] if arguments.use_deepspeed else prepare_multi_gpu_env(arguments)
    for name, value in environment(setup).items():
        assert given[name] == value, name
    for script in (LAUNCH, TORCHRUN, SLURM):
        subprocess.run(["bash", "-n", tmp_path / script], check=True)
    assert ("--machine_rank" in (tmp_path / LAUNCH).read_text()) == (nodes > 1)
    assert f"#SBATCH --nodes={nodes}\n" in (tmp_path / SLURM).read_text()


def test_memory_is_estimated_by_method_profile_and_lora() -> None:
    dpo = Train(options={"per_device_train_batch_size": 1, "max_length": 2048})
    ddp, fsdp2, zero2 = (memory.need(dpo, SEVEN_BILLION, replace(EIGHT, profile=each)) for each in ("ddp", "fsdp2", "zero2"))
    assert (ddp.weights + ddp.gradients + ddp.optimizer) == 16 * 7e9
    assert (fsdp2.weights + fsdp2.gradients + fsdp2.optimizer) == 2 * 7e9
    assert (zero2.weights, zero2.gradients + zero2.optimizer) == (2 * 7e9, 14 * 7e9 / 8)
    lora = memory.need(dpo.model_copy(update={"peft": {"r": 16}}), SEVEN_BILLION, replace(EIGHT, profile="ddp"))
    assert lora.weights + lora.gradients + lora.optimizer == 4 * 7e9 + 16 * 32e6
    assert ddp.activations == 2 * 2048 * 4096 * (2 * 32 + 34)
    assert memory.need(dpo.model_copy(update={"method": "sft"}), SEVEN_BILLION, EIGHT).activations == ddp.activations / 2
    kept = dpo.model_copy(update={"options": dpo.options | {"precompute_ref_log_probs": False}})
    assert memory.need(kept, SEVEN_BILLION, EIGHT).reference == fsdp2.weights


def test_what_does_not_fit_is_named_with_what_would() -> None:
    dpo = Train(options={"per_device_train_batch_size": 1, "max_length": 2048})
    assert len(memory.advice(dpo, SEVEN_BILLION, EIGHT, 80e9)) == 1
    need, why, fix = memory.advice(dpo, SEVEN_BILLION, replace(EIGHT, profile="ddp"), 80e9)
    assert need.startswith("Estimated memory of each of 8 GPUs: 115.6 GB (weights 28.0, gradients 28.0, optimizer 56.0, ")
    assert why == "It does not fit: the model's states take 112.0 GB."
    assert (
        fix
        == "By the same estimate, this would fit: --profile fsdp2, or --profile zero2, or --profile zero3, or train.peft: {r: 16}."
    )
    assert memory.advice(Train(options={"max_length": 65536}), SEVEN_BILLION, EIGHT, 80e9)[1].startswith(
        "It does not fit: the activations take"
    )


def test_the_size_of_a_checkpoint_is_read_from_its_files(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = save_random(tmp_path / "small", context=128)
    model = AutoModelForCausalLM.from_pretrained(folder)
    found = memory.shape_of(folder)
    assert found.parameters == model.num_parameters()
    assert (found.layers, found.hidden) == (model.config.num_hidden_layers, model.config.hidden_size)
    assert found.context == 128
