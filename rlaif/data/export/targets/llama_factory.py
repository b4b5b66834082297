"""LLaMA-Factory: its sharegpt format with `ranking`, described in dataset_info.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.data.export.targets.target import Row, Target, UnreadableRowError, as_yaml

# LLaMA-Factory's names for roles.
ROLES = {
    "user": "human",
    "assistant": "gpt",
    "system": "system",
    "developer": "system",
    "tool": "observation",
    "function": "observation",
}


def _row(row: Row) -> Row:
    turns = _joined([_turn(turn) for turn in row["prompt"]])
    system = turns[0]["value"] if turns and turns[0]["from"] == "system" else ""
    turns = turns[1:] if system else turns
    sides = [_turn(row[side][0]) for side in ("chosen", "rejected")]
    asking = [turn["from"] in ("human", "observation") for turn in turns]
    if asking != [place % 2 == 0 for place in range(len(turns))] or len(turns) % 2 == 0:
        raise UnreadableRowError("conversations whose turns do not alternate, which LLaMA-Factory skips")
    rest = {name: value for name, value in row.items() if name not in ("prompt", "chosen", "rejected", "tools")}
    tools = row.get("tools") or ""
    return {"conversations": turns, "chosen": sides[0], "rejected": sides[1], "system": system, "tools": tools, **rest}


def _turn(turn: Mapping[str, Any]) -> dict[str, str]:
    calls = turn.get("tool_calls")
    if not calls:
        return {"from": ROLES[turn["role"]], "value": turn["content"]}
    if turn["content"]:
        raise UnreadableRowError("turns with both text and tool calls, which LLaMA-Factory's format does not have")
    functions = [{"name": call["function"]["name"], "arguments": call["function"]["arguments"]} for call in calls]
    value = functions[0] if len(functions) == 1 else functions
    return {"from": "function_call", "value": json.dumps(value, ensure_ascii=False)}


def _joined(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Join consecutive tool results into one turn, as LLaMA-Factory itself does with results of parallel calls."""
    found: list[dict[str, str]] = []
    for turn in turns:
        if found and turn["from"] == found[-1]["from"] == "observation":
            found[-1] = turn | {"value": f"{found[-1]['value']}\n</tool_response>\n<tool_response>\n{turn['value']}"}
        else:
            found.append(turn)
    return found


def _config(files: Mapping[str, Path]) -> Mapping[str, str]:
    columns = {name: name for name in ("chosen", "rejected", "system", "tools")} | {"messages": "conversations"}
    names = {"train": "rlaif", "test": "rlaif_test"}
    info = {
        names[split]: {"file_name": path.name, "formatting": "sharegpt", "ranking": True, "columns": columns}
        for split, path in files.items()
    }
    settings = {
        "stage": "dpo",
        "do_train": True,
        "pref_loss": "sigmoid",
        "dataset_dir": str(files["train"].parent),
        "dataset": names["train"],
        **({"eval_dataset": names["test"]} if "test" in files else {}),
    }
    comment = "Add the model, its template and the training settings: llamafactory-cli train llama_factory.yaml"
    return {"dataset_info.json": json.dumps(info, indent=2) + "\n", "llama_factory.yaml": as_yaml(comment, settings)}


TARGET = Target("preference", "jsonl", _row, _config)
