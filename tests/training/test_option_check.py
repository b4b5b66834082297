"""Options of TRL and PEFT are checked before a run starts, by a child process that imports the libraries."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import peft
import pytest

from rlaif.config import Train
from rlaif.config.yaml import YamlFile
from rlaif.core.errors import InputError
from rlaif.training.methods import CLASSES, LORA, check
from rlaif.training.option_check import class_options
from rlaif.training.trl_loader import trl_class

ONLY_LORA = {"peft.LoraConfig": {"r": 8}}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rlaif"


def test_the_child_lists_the_options_of_the_classes_and_remembers_them(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The working folder of a stranger must not be searched for libraries.
    (tmp_path / "trl.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    found = class_options(CLASSES)
    assert json.loads(next(cache.glob("options-*.json")).read_text()) == found
    monkeypatch.chdir(Path(__file__).parent)
    assert found.keys() == set(CLASSES)
    for name in CLASSES:
        owner = peft.LoraConfig if name == LORA else trl_class(name.removeprefix("trl."))
        fields = dataclasses.fields(owner)
        defaults = {field.name: field.default for field in fields if field.init}
        assert found[name].keys() == defaults.keys()
        numbers = {option: value for option, value in defaults.items() if isinstance(value, int | float)}
        assert {option: found[name][option] for option in numbers} == numbers


@pytest.mark.slow
def test_remembered_options_are_read_without_a_child(cache: Path) -> None:
    assert class_options([LORA]).keys() == {LORA}
    file = next(cache.glob("options-*.json"))
    file.write_text(json.dumps(ONLY_LORA))
    assert class_options([LORA]) == ONLY_LORA
    file.write_text("not complete")
    assert "lora_alpha" in class_options([LORA])[LORA]
    assert "lora_alpha" in json.loads(file.read_text())[LORA]


def test_a_missing_class_is_reported_and_an_unwritable_cache_is_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert class_options(["peft.NoSuchConfig", "no_such_library.Config", LORA]).keys() == {LORA}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"options": {"lerning_rate": 1e-6}}, r"x.yaml:4 .*no option 'lerning_rate'\nDid you mean 'learning_rate'"),
        ({"options": {"simpo_gamma": 1.0}}, "DPOConfig has no option 'simpo_gamma'\n`method: cpo` has it"),
        ({"method": "simpo", "options": {"cpo_alpha": 1.0}}, "method simpo sets cpo_alpha itself\n.*`method: cpo`"),
        ({"peft": {"rank": 8}}, r"x.yaml:7 train.peft.rank: LoraConfig has no option 'rank'"),
        ({"method": "grpo", "rewards": [{"fit": {"bata": 1}}]}, "RewardConfig has no option 'bata'"),
        ({"options": {"seed": 1}}, "seed cannot be set here"),
        ({"options": {"learning_rate": "fast"}}, "must be like 1e-06, not 'fast'"),
        ({"options": {"learning_rate": 1e-6}, "peft": {"r": 8}}, ""),
        ({}, ""),
    ],
)
def test_an_unknown_option_is_rejected_with_its_line(section: Mapping[str, Any], message: str) -> None:
    lines = {("train", "options", "lerning_rate"): 4, ("train", "peft", "rank"): 7}
    file = YamlFile(Path("x.yaml"), {}, lines)
    train = Train(**section)
    if not message:
        return check(train, file)
    with pytest.raises(InputError, match=message):
        check(train, file)
