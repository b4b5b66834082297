"""verl, which has no DPO: chosen responses for its SFT trainer (`messages`), and prompts for its RL trainers (`prompt`)."""

from collections.abc import Mapping
from pathlib import Path

from rlaif.data.export.targets.target import Row, Target, as_yaml, without_tools


def _row(row: Row) -> Row:
    given = without_tools(row, "verl's SFT")
    rest = {name: value for name, value in given.items() if name not in ("prompt", "completion")}
    return {
        "messages": row["prompt"] + row["completion"],
        "prompt": row["prompt"],
        "data_source": "rlaif",
        "ability": "chat",
        "reward_model": {"style": "model", "ground_truth": row["completion"][0]["content"]},
        "extra_info": rest,
    }


def _config(files: Mapping[str, Path]) -> Mapping[str, str]:
    data = {
        "train_files": str(files["train"]),
        **({"val_files": str(files["test"])} if "test" in files else {}),
        "prompt_key": "prompt",
        "messages_key": "messages",
        "multiturn": {"enable": True, "messages_key": "messages"},
    }
    comment = (
        "The section `data` of verl's SFT trainer (verl/trainer/config/sft_trainer.yaml).\n"
        "Its RL trainers read train_files, val_files and prompt_key, and need a reward function of your own."
    )
    return {"verl.yaml": as_yaml(comment, {"data": data})}


TARGET = Target("sft", "parquet", _row, _config)
