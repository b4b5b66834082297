"""Profiles for one or several GPUs: the configuration of `accelerate`, and the scripts that launch a prepared training.

The settings are those of TRL's own profiles (`trl/accelerate_configs`). The scripts run in their folder, wherever it lies.
With several nodes, all of them must see it (a shared file system), because the first process writes what the others read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

Profile = Literal["single", "ddp", "fsdp2", "zero2", "zero3"]
PROFILES: Final = get_args(Profile)
# The GPUs of a node if this machine has none: that of TRL's profiles.
GPUS_OF_A_NODE: Final = 8
CONFIG, LAUNCH, TORCHRUN, SLURM = "accelerate.yaml", "launch.sh", "torchrun.sh", "job.sbatch"

_FSDP: Final = {
    "fsdp_version": 2,
    "fsdp_reshard_after_forward": True,
    "fsdp_offload_params": False,
    "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
    "fsdp_state_dict_type": "FULL_STATE_DICT",
    "fsdp_cpu_ram_efficient_loading": True,
    "fsdp_activation_checkpointing": False,
}
_ZERO: Final = {
    "deepspeed_multinode_launcher": "standard",
    "offload_optimizer_device": "none",
    "offload_param_device": "none",
}
_OF: Final[Mapping[str, Mapping[str, Any]]] = {
    "single": {"distributed_type": "NO"},
    "ddp": {"distributed_type": "MULTI_GPU"},
    "fsdp2": {"distributed_type": "FSDP", "fsdp_config": _FSDP},
    "zero2": {"distributed_type": "DEEPSPEED", "deepspeed_config": {**_ZERO, "zero_stage": 2, "zero3_init_flag": False}},
    "zero3": {
        "distributed_type": "DEEPSPEED",
        "deepspeed_config": {**_ZERO, "zero_stage": 3, "zero3_init_flag": True, "zero3_save_16bit_model": True},
    },
}
# The variables through which `accelerate launch` hands DeepSpeed's settings to the processes.
_DEEPSPEED: Final = {
    "zero_stage": "ZERO_STAGE",
    "zero3_init_flag": "ZERO3_INIT",
    "zero3_save_16bit_model": "ZERO3_SAVE_16BIT_MODEL",
    "offload_optimizer_device": "OFFLOAD_OPTIMIZER_DEVICE",
    "offload_param_device": "OFFLOAD_PARAM_DEVICE",
}
_AT: Final = 'cd "$(dirname "$0")"'
_MAIN: Final = '"${MASTER_ADDR:?is the address of node 0}"'


@dataclass(frozen=True)
class Setup:
    """Where a training runs: the profile, the nodes, and the GPUs of each; no GPUs means one process on the CPU."""

    profile: Profile
    nodes: int = 1
    gpus: int = 1

    @property
    def processes(self) -> int:
        return self.nodes * max(self.gpus, 1)

    @property
    def shards(self) -> bool:
        """Return whether every GPU holds only a part of the weights."""
        return self.profile in ("fsdp2", "zero3")


def here(profile: Profile | None = None, nodes: int = 1, gpus: int | None = None) -> Setup:
    """Return the setup for these options: by default this machine's GPUs, and `ddp` if there are several.

    If a profile is named and this machine has no GPU, nodes have as many as in TRL's profiles.
    """
    import torch

    found = torch.cuda.device_count()
    if gpus is None:
        gpus = found if found or profile is None else GPUS_OF_A_NODE
    profile = profile or ("ddp" if gpus * nodes > 1 else "single")
    return Setup(profile, nodes, min(gpus, 1) if profile == "single" else gpus)


def write(folder: Path, setup: Setup, arguments: str) -> None:
    """Write the configuration and the scripts; `arguments` follow the folder's name in the command that trains."""
    import yaml

    module = f"-m rlaif.training.accelerate . {arguments}".rstrip()
    (folder / CONFIG).write_text(yaml.safe_dump(config(setup), sort_keys=False), encoding="utf-8")
    files = {LAUNCH: _launch(setup, module), TORCHRUN: _torchrun(setup, module), SLURM: _slurm(setup)}
    for name, lines in files.items():
        (folder / name).write_text("\n".join(("#!/bin/bash", *lines, "")), encoding="utf-8")


def config(setup: Setup) -> dict[str, Any]:
    """Return the configuration of `accelerate`."""
    return {
        "compute_environment": "LOCAL_MACHINE",
        **_OF[setup.profile],
        "machine_rank": 0,
        "main_training_function": "main",
        "mixed_precision": _precision(setup),
        "num_machines": setup.nodes,
        "num_processes": setup.processes,
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": not setup.gpus,
    }


def environment(setup: Setup) -> dict[str, str]:
    """Return the environment that `accelerate launch` would give the processes, for other launchers."""
    found: dict[str, Any] = {"ACCELERATE_MIXED_PRECISION": _precision(setup)}
    own = _OF[setup.profile]
    if fsdp := own.get("fsdp_config"):
        found |= {"ACCELERATE_USE_FSDP": True, "FSDP_SYNC_MODULE_STATES": True}
        found |= {name.upper(): value for name, value in fsdp.items()}
    if deepspeed := own.get("deepspeed_config"):
        found["ACCELERATE_USE_DEEPSPEED"] = True
        found |= {f"ACCELERATE_DEEPSPEED_{word}": deepspeed[name] for name, word in _DEEPSPEED.items() if name in deepspeed}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in found.items()}


def _precision(setup: Setup) -> str:
    return "bf16" if setup.gpus else "no"


def _launch(setup: Setup, module: str) -> list[str]:
    node = (
        f' --machine_rank "${{NODE_RANK:?is the number of this node}}" --main_process_ip {_MAIN}'
        ' --main_process_port "${MASTER_PORT:-29500}"'
        if setup.nodes > 1
        else ""
    )
    return [_AT, f"exec accelerate launch --config_file {CONFIG}{node} {module}"]


def _torchrun(setup: Setup, module: str) -> list[str]:
    exports = [f"export {name}={value}" for name, value in environment(setup).items()]
    node = (
        f' --nnodes {setup.nodes} --node_rank "${{NODE_RANK:?is the number of this node}}" --master_addr {_MAIN}'
        ' --master_port "${MASTER_PORT:-29500}"'
        if setup.nodes > 1
        else " --standalone"
    )
    return [_AT, *exports, f'exec torchrun --nproc_per_node "${{GPUS:-{max(setup.gpus, 1)}}}"{node} {module}']


def _slurm(setup: Setup) -> list[str]:
    gpus = [f"#SBATCH --gpus-per-node={setup.gpus}"] if setup.gpus else []
    return [
        "# Submit it from this folder, which all nodes must see: sbatch job.sbatch. Add your partition, account and time.",
        "#SBATCH --job-name=rlaif-train",
        f"#SBATCH --nodes={setup.nodes}",
        "#SBATCH --ntasks-per-node=1",
        *gpus,
        "#SBATCH --output=%x-%j.log",
        'export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
        'cd "$SLURM_SUBMIT_DIR"',
        f"srun bash -c 'NODE_RANK=$SLURM_NODEID bash {LAUNCH}'",
    ]
