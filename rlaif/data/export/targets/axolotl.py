"""axolotl: DPO by its strategy `chat_template.default`, which takes `messages` and one message for each side."""

from collections.abc import Mapping
from pathlib import Path

from rlaif.data.export.targets.target import Row, Target, as_yaml, without_tools

ROLES = {"system": ["system", "developer"], "user": ["user"], "assistant": ["assistant"]}


def _row(row: Row) -> Row:
    given = without_tools(row, "axolotl's DPO")
    rest = {name: value for name, value in given.items() if name not in ("prompt", "chosen", "rejected")}
    return {"messages": row["prompt"], "chosen": row["chosen"][0], "rejected": row["rejected"][0], **rest}


def _config(files: Mapping[str, Path]) -> Mapping[str, str]:
    entries = {split: [_entry(path)] for split, path in files.items()}
    settings = {"rl": "dpo", "datasets": entries["train"]} | (
        {"test_datasets": entries["test"]} if "test" in entries else {}
    )
    return {"axolotl.yaml": as_yaml("Add the model and the training settings: axolotl train axolotl.yaml", settings)}


def _entry(path: Path) -> dict[str, object]:
    return {
        "path": str(path),
        "ds_type": "json",
        "split": "train",
        "type": "chat_template.default",
        "field_messages": "messages",
        "field_chosen": "chosen",
        "field_rejected": "rejected",
        "message_property_mappings": {"role": "role", "content": "content"},
        "roles": ROLES,
    }


TARGET = Target("preference", "jsonl", _row, _config)
