"""NeMo RL: its PreferenceDataset, a `context` with two `completions` of which the one with the lower rank is preferred."""

from collections.abc import Mapping
from pathlib import Path

from rlaif.data.export.targets.target import Row, Target, as_yaml, without_tools


def _row(row: Row) -> Row:
    given = without_tools(row, "NeMo RL's DPO")
    rest = {name: value for name, value in given.items() if name not in ("prompt", "chosen", "rejected")}
    sides = [{"rank": rank, "completion": row[side]} for rank, side in enumerate(("chosen", "rejected"))]
    return {"context": row["prompt"], "completions": sides, **rest}


def _config(files: Mapping[str, Path]) -> Mapping[str, str]:
    data = {
        "train": {"data_path": str(files["train"])},
        **({"validation": {"data_path": str(files["test"])}} if "test" in files else {}),
        "default": {"dataset_name": "PreferenceDataset", "prompt_file": None, "system_prompt_file": None},
    }
    comment = "The section `data` of examples/configs/dpo.yaml: uv run examples/run_dpo.py --config YOUR.yaml"
    return {"nemo_rl.yaml": as_yaml(comment, {"data": data})}


TARGET = Target("preference", "jsonl", _row, _config)
