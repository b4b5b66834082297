"""Exports for other projects: their layouts as their loaders read them, and configs that name the files."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rlaif.core.errors import InputError
from rlaif.data.export import TARGETS, export
from rlaif.store.store import Store
from tests.support.pairings import made

ASKED, GOOD, BAD = (
    {"role": role, "content": text} for role, text in (("user", "one"), ("assistant", "good"), ("assistant", "bad"))
)
# The columns that each project's code reads, in the first row.
READ: dict[str, dict[str, Any]] = {
    "axolotl": {"messages": [ASKED], "chosen": GOOD, "rejected": BAD},
    "llama-factory": {
        "conversations": [{"from": "human", "value": "one"}],
        "chosen": {"from": "gpt", "value": "good"},
        "rejected": {"from": "gpt", "value": "bad"},
        "system": "",
        "tools": "",
    },
    "open-instruct": {"chosen": [ASKED, GOOD], "rejected": [ASKED, BAD]},
    "nemo-rl": {
        "context": [ASKED],
        "completions": [{"rank": 0, "completion": [GOOD]}, {"rank": 1, "completion": [BAD]}],
    },
    "verl": {
        "messages": [ASKED, GOOD],
        "prompt": [ASKED],
        "data_source": "rlaif",
        "reward_model": {"style": "model", "ground_truth": "good"},
    },
}


def files_named(target: str, folder: Path) -> list[str]:
    """The data files that the project's config names."""
    if target == "open-instruct":
        text = (folder / "open_instruct.sh").read_text()
        return [text.partition("--mixer_list ")[2].partition(" ")[0]]
    config = yaml.safe_load((folder / f"{target.replace('-', '_')}.yaml").read_text())
    if target == "llama-factory":
        info = json.loads((folder / "dataset_info.json").read_text())
        return [f"{config['dataset_dir']}/{info[config[name]]['file_name']}" for name in ("dataset", "eval_dataset")]
    if target == "axolotl":
        return [config[name][0]["path"] for name in ("datasets", "test_datasets")]
    data = config["data"]
    return (
        [data["train_files"], data["val_files"]]
        if target == "verl"
        else [data[name]["data_path"] for name in ("train", "validation")]
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_project_gets_the_columns_that_it_reads_and_a_config_with_the_files(target: str, tmp_path: Path) -> None:
    from datasets import load_dataset

    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.run("UPDATE prompts SET bucket = 0 WHERE position = 1")
        done = export(store, key, tmp_path, held_out=0.1, target=target)
    assert (done.rows, done.left_out) == ({"train": 1, "test": 1}, {})
    named = files_named(target, done.folder)
    suffix = TARGETS[target].suffix
    assert named == [str(done.folder / f"{split}.{suffix}") for split in ("train", "test")][: len(named)]
    kind = "json" if suffix == "jsonl" else suffix
    row = load_dataset(kind, data_files=named[0], split="train", cache_dir=str(tmp_path / "cache"))[0]
    assert {name: row[name] for name in READ[target]} == READ[target]
    assert (row.get("extra_info") or row)["pair_id"]
    assert "load_dataset" not in (done.folder / "README.md").read_text()


def test_a_form_that_a_project_does_not_read_is_an_error(tmp_path: Path) -> None:
    with Store(tmp_path / "store.duckdb") as store:
        for wrong, message in (({"form": "ranked", "target": "axolotl"}, "own form"), ({"target": "axolot"}, "'axolotl'")):
            with pytest.raises(InputError, match=message):
                export(store, "", tmp_path, held_out=0, **wrong)


def test_conversations_that_llama_factory_skips_are_left_out_and_counted(tmp_path: Path) -> None:
    turns = json.dumps([ASKED, ASKED])
    with Store(tmp_path / "store.duckdb") as store:
        key = made(store, tmp_path)
        store.run("UPDATE prompts SET messages = $turns WHERE position = 1", turns=turns)
        done = export(store, key, tmp_path, held_out=0, target="llama-factory")
    assert done.rows["train"] == 1
    assert done.left_out == {"conversations whose turns do not alternate, which LLaMA-Factory skips": 1}
